#pragma once

#include <boost/json/array.hpp>
#include <ostream>
#include <string>

#include "actors/bin/answer.hpp"
#include "actors/bin/line_source.hpp"

namespace troupe::cli {

/// A conversation on the command line: reads lines, runs /commands, prints answers as they come.
class chat_session {
 public:
  /// Everything is borrowed and outlives the session. `stop` is asked while an answer comes.
  chat_session(generation_service& service, const served_model& model, line_source& lines,
               std::ostream& out, stop_flag stop, answer_options options);

  /// An opening instruction; empty takes it away.
  void set_system(std::string text) { system_ = std::move(text); }
  /// Converses until the input ends or /exit. An answer that fails is reported and the conversation
  /// goes on without the message that caused it.
  void run();

 private:
  enum class after { go_on, leave };

  after command(const std::string& line);
  void ask(const std::string& text);
  void save(const std::string& path);
  [[nodiscard]] boost::json::array messages() const;

  generation_service& service_;
  const served_model& model_;
  line_source& lines_;
  std::ostream& out_;
  stop_flag stop_;
  answer_options options_;
  std::string system_;
  boost::json::array turns_;
};

}  // namespace troupe::cli
