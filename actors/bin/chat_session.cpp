#include "actors/bin/chat_session.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <utility>

namespace troupe::cli {
namespace {

constexpr std::string_view help_text =
    "/help           this list\n"
    "/clear          forget the conversation\n"
    "/system TEXT    set the opening instruction (no TEXT: none) and forget the conversation\n"
    "/save FILE      write the conversation as JSON messages\n"
    "/exit           leave (or Ctrl-D)\n"
    "A line that ends in \\ goes on in the next one. Ctrl-C stops an answer.\n";

boost::json::object message(std::string_view role, std::string_view content) {
  return {{"role", role}, {"content", content}};
}

std::string trim(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

chat_session::chat_session(generation_service& service, const served_model& model,
                           line_source& lines, std::ostream& out, stop_flag stop,
                           answer_options options)
    : service_(service),
      model_(model),
      lines_(lines),
      out_(out),
      stop_(std::move(stop)),
      options_(options) {}

void chat_session::run() {
  while (auto line = lines_.read("> ")) {
    while (!line->empty() && line->back() == '\\') {
      line->back() = '\n';
      const auto more = lines_.read("  ");
      if (!more) break;
      *line += *more;
    }
    if (trim(*line).empty()) continue;
    lines_.remember(*line);
    if (line->front() == '/') {
      if (command(trim(*line)) == after::leave) return;
    } else {
      ask(*line);
    }
  }
}

chat_session::after chat_session::command(const std::string& line) {
  const auto space = line.find(' ');
  const std::string name = line.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : trim(line.substr(space));
  if (name == "/exit" || name == "/quit") return after::leave;
  if (name == "/help") {
    out_ << help_text;
  } else if (name == "/clear") {
    turns_.clear();
    out_ << "The conversation is forgotten.\n";
  } else if (name == "/system") {
    system_ = rest;
    turns_.clear();
    out_ << (rest.empty() ? "No opening instruction.\n" : "The opening instruction is set.\n");
  } else if (name == "/save") {
    save(rest);
  } else {
    out_ << "Unknown command " << name << "; /help lists them.\n";
  }
  out_.flush();
  return after::go_on;
}

boost::json::array chat_session::messages() const {
  boost::json::array all;
  if (!system_.empty()) all.emplace_back(message("system", system_));
  all.insert(all.end(), turns_.begin(), turns_.end());
  return all;
}

void chat_session::ask(const std::string& text) {
  (void)stop_();  // a Ctrl-C from before the question does not mean its answer
  turns_.emplace_back(message("user", text));
  auto prompt = chat_prompt(model_, messages());
  const auto print = [this](std::string_view piece) { out_ << piece << std::flush; };
  const auto done = prompt ? generate(service_, model_, std::move(*prompt), options_, print, stop_)
                           : result<answer>(fail(prompt.error()));
  if (!done) {
    turns_.pop_back();
    out_ << "troupe: " << done.error().message() << '\n' << std::flush;
    return;
  }
  if (done->finish == finish_reason::cancelled) out_ << " [stopped]";
  if (done->finish == finish_reason::length) out_ << " [out of room: /clear starts afresh]";
  out_ << "\n" << std::flush;
  turns_.emplace_back(message("assistant", done->text));
}

void chat_session::save(const std::string& path) {
  if (path.empty()) {
    out_ << "Where to? /save FILE\n";
    return;
  }
  std::ofstream file(path);
  file << boost::json::serialize(messages()) << '\n';
  file.close();
  if (file)
    out_ << "Saved " << path << ".\n";
  else
    out_ << "Cannot write " << path << ".\n";
}

}  // namespace troupe::cli
