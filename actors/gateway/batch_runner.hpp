#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <boost/json/object.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/gateway/batch_line.hpp"
#include "actors/gateway/server_config.hpp"
#include "actors/gateway/session_context.hpp"
#include "actors/gateway/timed_worker.hpp"
#include "runtime/objects/batch_lines.hpp"
#include "runtime/objects/batch_table.hpp"
#include "runtime/objects/object_file.hpp"

namespace troupe::gateway {

/// Runs batches: checks their inputs, asks their requests a few at a time, each until it has an
/// answer that is kept, and writes the outputs. All it knows is in the file: a server that is
/// killed at whatever moment is followed by one that goes on. A thread of its own does everything;
/// the calls are for any thread.
class batch_runner : public std::enable_shared_from_this<batch_runner> {
 public:
  using recogniser = std::function<api_result<std::shared_ptr<live_key>>(std::int64_t)>;

  batch_runner(std::shared_ptr<object_file> file, const store_config& limits,
               std::shared_ptr<const session_source> sessions, recogniser recognise,
               std::shared_ptr<spdlog::logger> log);
  batch_runner(const batch_runner&) = delete;
  batch_runner& operator=(const batch_runner&) = delete;
  /// See stop().
  ~batch_runner();

  /// Goes on with what another server has left. Once.
  void start();
  /// Ends what is under way; the next server asks it again.
  void stop();
  /// Something has changed in the file.
  void wake();

 private:
  struct open_batch {
    batch_row row;
    api_protocol protocol = api_protocol::chat;
    std::uint64_t next = 0;  ///< lines before it were fetched
    std::deque<batch_line> ready;
    std::size_t running = 0;
    std::size_t pausing = 0;  ///< lines that wait to be asked again
    bool all_fetched = false;
  };
  struct flight {
    batch_line line;
    answer_identity identity;
    std::shared_ptr<completion_session> session;
    std::shared_ptr<live_key> key;
  };
  using flight_name = std::pair<std::string, std::uint64_t>;

  void tick();
  void look();
  void advance(const batch_row& row);
  void check(const batch_row& row);
  void expire(const batch_row& row);
  void finalize(const batch_row& row);
  void fill();
  [[nodiscard]] bool fetch(open_batch& b);
  void ask(open_batch& b, const batch_line& line);
  void on_answer(const flight_name& name, const batch_answer& answer);
  void ask_again(const flight_name& name, const batch_line& line);
  void end(const std::string& batch, const line_outcome& outcome, std::uint32_t attempt);
  void give_up(const std::string& batch);
  void purge();
  /// Every line has ended.
  [[nodiscard]] static bool over(const open_batch& b);
  /// Changes a batch that still has that status; an error is logged, and tried again by tick().
  void change(const std::string& id, std::int64_t owner, std::string_view expected,
              const std::function<result<void>(sqlite::database&, batch_row&)>& how);
  void report(const error& e) const;

  const std::shared_ptr<object_file> file_;
  const store_config limits_;
  /// Null once stopped: whoever lets go of this last must not let go of the engine's queue, too.
  std::shared_ptr<const session_source> sessions_;
  const recogniser recognise_;
  const std::shared_ptr<spdlog::logger> log_;
  // The thread's own:
  std::map<std::string, open_batch> open_;
  std::map<flight_name, flight> flights_;
  std::string last_asked_;  ///< the batch whose line was asked last
  std::atomic<bool> stopped_ = false;
  timed_worker worker_;
};

/// A batch as OpenAI shows it.
[[nodiscard]] boost::json::object batch_json(const batch_row& row);
/// What is shown of a batch besides its columns.
[[nodiscard]] boost::json::object batch_details(const batch_row& row);

}  // namespace troupe::gateway
