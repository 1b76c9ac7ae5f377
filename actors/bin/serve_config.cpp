#include "actors/bin/serve_config.hpp"

#include "runtime/config/autoscale_keys.hpp"
#include "runtime/config/cluster_keys.hpp"
#include "runtime/config/engine_keys.hpp"
#include "runtime/storage/postgres.hpp"

namespace troupe::cli {
namespace {

/// `balanced`: clients may come through a balancer.
void describe_http(config_schema& schema, server_config& http, bool balanced) {
  constexpr std::int64_t kib = 1 << 10;
  constexpr std::int64_t mib = 1 << 20;
  constexpr std::int64_t day = 86'400;
  http_limits& limits = http.limits;
  schema.begin_table("http", "The OpenAI API. Limits protect the server from its clients.");
  schema.text("host", http.host, 255, "Address to listen on; \"0.0.0.0\" for every network.")
      .on_command_line("--host", "ADDRESS");
  schema.integer("port", http.port, 0, 65'535, "Port to listen on; 0: a free one.")
      .on_command_line("--port", "PORT");
  schema
      .text("keys", http.keys, 4096,
            "File of keys that clients need, made by `troupe key create`; empty: they need none.")
      .on_command_line("--keys", "FILE");
  schema
      .choice<bool>("without_keys", http.let_anyone_in,
                    {{"loopback-only", false}, {"let-anyone-in", true}},
                    "Where there are no keys: \"loopback-only\" serves this machine alone, "
                    "\"let-anyone-in\" whoever reaches the address.")
      .on_command_line("--without-keys", "WHO");
  schema
      .text("certificate", http.certificate, 4096,
            "PEM file of the server's certificate, with those up to the authority: https; empty: "
            "http. A change of it counts within a second.")
      .on_command_line("--certificate", "FILE");
  schema.text("certificate_key", http.certificate_key, 4096, "Its key, without a passphrase.")
      .on_command_line("--certificate-key", "FILE");
  schema.boolean("shared_cache", http.shared_cache,
                 "Whether requests find in the cache what other keys' prompts have left there; "
                 "true lets one client learn by timing what another has asked.");
  schema.text("allow_origin", http.allow_origin, 1024,
              "Access-Control-Allow-Origin for browsers; empty: none.");
  schema.integer("pool_threads", http.pool_threads, 1, 256,
                 "Threads that parse requests, render templates and tokenize.");
  schema.integer("max_connections", limits.max_connections, 1, 1'000'000,
                 "Connections open at once; more are answered 503.");
  schema.integer("max_pool_jobs", limits.max_pool_jobs, 1, 1'000'000,
                 "Requests parsed or waiting for it at once.");
  schema.integer(
      "running_requests", http.queue.running, 0, 65'536,
      "Requests given to the engine at once; others wait, shared out fairly between keys; "
      "0: as many as it runs (of a gateway: all).");
  schema.integer("max_waiting", http.queue.waiting, 1, 1'000'000,
                 "Requests that wait for that; more are answered 429.");
  schema.seconds("max_wait_s", http.queue.longest_wait, 1, day,
                 "The longest wait; who would wait for longer is answered 429 at once.");
  schema.integer("max_line_kib", limits.line_bytes, 1, 1024,
                 "Longest request target or header field.", kib);
  schema.integer("max_header_kib", limits.header_bytes, 1, 16'384, "Longest header in all.", kib);
  schema.integer("max_body_mib", limits.body_bytes, 1, 4096, "Longest request; more is 413.", mib);
  schema.integer("max_bodies_mib", limits.bodies_bytes, 1, 1 << 20,
                 "All requests' bodies held at once; more is 503.", mib);
  schema.integer("max_unread_kib", limits.output_bytes, 1, 1 << 20,
                 "Output that a client may leave unread before its stream ends.", kib);
  schema.integer("lookahead_kib", limits.lookahead_bytes, 1, 16'384,
                 "Bytes read ahead of the request being answered.", kib);
  schema.seconds("idle_timeout_s", limits.idle_timeout, 1, day, "Silence between requests.");
  schema.seconds("handshake_timeout_s", limits.handshake_timeout, 1, day,
                 "For a client to agree on TLS.");
  schema.seconds("header_timeout_s", limits.header_timeout, 1, day,
                 "From a request's first byte to the end of its header.");
  schema.seconds("body_timeout_s", limits.body_timeout, 1, day,
                 "From the end of the header to the end of the body.");
  schema.seconds("write_timeout_s", limits.write_timeout, 1, day,
                 "A client that takes no byte for so long is gone.");
  schema.seconds("comment_interval_s", limits.comment_interval, 1, day,
                 "Silence in a stream before a comment keeps it open.");
  schema.seconds("linger_timeout_s", limits.linger_timeout, 1, day,
                 "For a client to read a last answer.");
  schema.seconds("stop_timeout_s", http.stop_timeout, 0, day,
                 "For answers under way to end once the server is told to.");
  if (balanced)
    schema.seconds("stop_notice_s", http.stop_notice, 0, day,
                   "Before that, for balancers to see that /health says 503; all is served still.");
}

void describe_store(config_schema& schema, server_config& http) {
  constexpr std::int64_t mib = 1 << 20;
  store_config& store = http.store;
  schema.begin_table("store",
                     "What is kept for clients that come back: responses, files, batches.");
  schema
      .text("file", store.file, 4096,
            "The file, made where there is none; one server's alone. Empty: nothing is kept.")
      .on_command_line("--store", "FILE");
  schema.integer("lifetime_s", store.lifetime_seconds, 3'600, 31'536'000,
                 "How long responses and files are kept.");
  schema.integer("max_responses", store.responses, 1, 10'000'000,
                 "Responses of one key; the oldest go.");
  schema.integer("max_upload_mib", http.limits.upload_bytes, 1, 4096,
                 "Longest upload to /v1/files; more is 413.", mib);
  schema.integer("max_files_mib", store.file_bytes, 1, 1 << 20, "All files of one key.", mib);
  schema.integer("max_background", store.background, 1, 65'536,
                 "Responses in the background at once; more are answered 429.");
  schema.integer("max_batches", store.open_batches, 1, 65'536,
                 "Batches of one key that have not ended; more are answered 429.");
  schema
      .integer("batch_requests", store.batch_running, 1, 65'536,
               "Requests of batches that are asked at once, behind all others.")
      .on_command_line("--batch-requests", "N");
}

/// The rest of the table "model".
void describe_names(config_schema& schema, served_name& shown) {
  schema.text("name", shown.name, 256, "The name that requests use; empty: the model's own.")
      .on_command_line("--name", "NAME");
  schema
      .choice<std::string>(
          "reasoning_parser", shown.reasoning_parser,
          {{"auto", "auto"}, {"none", "none"}, {"think", "think"}},
          "How thoughts are marked: \"think\" (<think> ... </think>), \"none\", or "
          "\"auto\": as the chat template has it.")
      .on_command_line("--reasoning-parser", "NAME");
  schema
      .choice<std::string>(
          "tool_parser", shown.tool_parser,
          {{"auto", "auto"}, {"none", "none"}, {"hermes", "hermes"}},
          "How tool calls are marked: \"hermes\" (<tool_call> JSON </tool_call>, Qwen's "
          "too), \"none\", or \"auto\": as the chat template has it.")
      .on_command_line("--tool-parser", "NAME");
  schema
      .integer(
          "max_input_tokens", shown.max_input, 0, 16'777'216,
          "Longest prompt; 0: what the context leaves, of one of 262,144 tokens or more all but "
          "4,096.")
      .on_command_line("--max-input", "TOKENS");
  schema
      .integer("max_output_tokens", shown.max_output, 0, 16'777'216,
               "Longest answer; 0: 32,768, or what the context leaves.")
      .on_command_line("--max-output", "TOKENS");
}

void describe_billing(config_schema& schema, billing_config& billing) {
  schema.begin_table("billing", "What answers cost, and where it is written down.");
  schema
      .text("prices", billing.prices, 4096,
            "A file such as configs/prices-international.toml; empty: usage has no cost.")
      .on_command_line("--prices", "FILE");
  config_key& ledger =
      schema
          .text("ledger", billing.ledger, 4096,
                "What has every answer's usage: a file, made where there is none, which the "
                "servers of one machine may share, or PostgreSQL, \"postgresql://USER@HOST/BASE\", "
                "for those of many; empty: nothing.")
          .on_command_line("--ledger", "FILE");
  // Settings are printed, so that nothing secret gets into them.
  ledger.set = [set = ledger.set](const config_value& value) -> result<void> {
    const auto* text = std::get_if<std::string>(&value);
    if (text != nullptr && postgres::is_address(*text))
      if (auto good = postgres::check_address(*text); !good) return good;
    return set(value);
  };
}

void describe_traces(config_schema& schema, std::string& endpoint) {
  schema.begin_table("traces", "Spans of requests, by OTLP over HTTP.");
  schema
      .text("endpoint", endpoint, 4096,
            "A collector, such as \"http://127.0.0.1:4318\"; empty: the one that "
            "OTEL_EXPORTER_OTLP_ENDPOINT names, or none.")
      .on_command_line("--traces", "URL");
}

}  // namespace

void describe_log(config_schema& schema, std::string& level, log_format& format) {
  schema.begin_table("log", "What is written to standard error.");
  schema
      .choice<std::string>("level", level,
                           {{"trace", "trace"},
                            {"debug", "debug"},
                            {"info", "info"},
                            {"warning", "warning"},
                            {"error", "error"},
                            {"off", "off"}},
                           "\"trace\", \"debug\", \"info\", \"warning\", \"error\" or \"off\".")
      .on_command_line("--log-level", "LEVEL");
  schema
      .choice<log_format>("format", format,
                          {{"text", log_format::text}, {"json", log_format::json}},
                          "\"text\" for people, or \"json\": an object a line.")
      .on_command_line("--log-format", "FORMAT");
}

void describe_join(config_schema& schema, std::string& join) {
  schema
      .text("join", join, 4096,
            "HOST:PORT that the cluster's nodes join; of several supervisors, with commas between.")
      .on_command_line("--join", "HOST:PORT");
}

void describe_member_name(config_schema& schema, const std::string& key, std::string& name) {
  schema
      .text(key, name, 64, "What the cluster calls it; empty: the host's name and the process id.")
      .on_command_line("--" + key, "NAME");
}

void describe(config_schema& schema, serve_config& config) {
  schema.begin_table("model", "What is served.");
  schema.text("path", config.model, 4096,
              "A GGUF file or a Hugging Face folder; empty: TROUPE_MODEL, or the fetched SmolLM2.");
  describe_names(schema, config);
  describe_http(schema, config.http, true);
  describe_store(schema, config.http);
  describe_billing(schema, config.billing);
  describe(schema, config.engine);
  describe(schema, config.cluster);
  describe(schema, config.autoscale);
  describe_traces(schema, config.traces);
  describe_log(schema, config.log_level, config.log_as);
}

void describe(config_schema& schema, gateway_config& config) {
  schema.begin_table("gateway", "Which cluster it serves for.");
  describe_join(schema, config.join);
  describe_member_name(schema, "label", config.label);
  schema.integer("actor_threads", config.actor_threads, 1, 64,
                 "Threads that run the actors' messages.");
  schema.seconds("patience_s", config.patience, 1, 86'400,
                 "For as long open requests wait for a supervisor to be there again; then they "
                 "fail.");
  describe(schema, config.data);
  describe(schema, config.tls);
  schema.begin_table("model", "What is served.");
  schema
      .text("path", config.model, 4096,
            "A GGUF file or a Hugging Face folder; empty: where the cluster has it.")
      .on_command_line("--model", "PATH");
  describe_names(schema, config);
  describe_http(schema, config.http, true);
  describe_store(schema, config.http);
  describe_billing(schema, config.billing);
  describe_traces(schema, config.traces);
  describe_log(schema, config.log_level, config.log_as);
}

void describe(config_schema& schema, supervisor_config& config) {
  schema.begin_table("supervisor", "Who leads the cluster; any number may stand by.");
  schema
      .text("label", config.label, 64,
            "What the others call it; empty: the host's name and the process id.")
      .on_command_line("--label", "NAME");
  schema
      .integer("nodes", config.nodes, 0, 4096,
               "Nodes that must have joined before the model is first placed; 0: one a copy.")
      .on_command_line("--nodes", "N");
  schema.begin_table("registry", "Where supervisors agree on which of them leads.");
  schema
      .choice<registry_kind>("kind", config.registry,
                             {{"none", registry_kind::none}, {"etcd", registry_kind::etcd}},
                             "\"none\": there is only this one; \"etcd\": others stand by.")
      .on_command_line("--registry", "KIND");
  schema
      .text("endpoints", config.etcd, 4096,
            "etcd's client addresses, with commas between; https:// ones are shown what [tls] "
            "names.")
      .on_command_line("--etcd", "URL");
  schema
      .text("cluster", config.cluster_name, 128,
            "The cluster's name: others in the same etcd have other ones.")
      .on_command_line("--cluster", "NAME");
  schema.seconds("lifetime_s", config.claim_lifetime, 1, 3600,
                 "Silence after which another one leads.");
  schema.begin_table("model", "What is served.");
  schema
      .text("path", config.model, 4096,
            "A GGUF file or a Hugging Face folder; empty: TROUPE_MODEL, or the fetched SmolLM2.")
      .on_command_line("--model", "PATH");
  describe_http(schema, config.http, false);
  describe(schema, config.engine);
  describe_without_workers(schema, config.cluster);
  describe(schema, config.autoscale);
  describe_log(schema, config.log_level, config.log_as);
}

}  // namespace troupe::cli
