#include <doctest/doctest.h>

#include <cstdio>
#include <memory>
#include <string>

#include "actors/bin/progress.hpp"
#include "actors/bin/screen.hpp"
#include "actors/bin/table.hpp"

namespace troupe::cli {
namespace {

/// What is written to a temporary file.
class captured_file {
 public:
  [[nodiscard]] std::FILE* get() { return file_.get(); }
  [[nodiscard]] std::string text() {
    std::string all(4096, '\0');
    std::rewind(file_.get());
    all.resize(std::fread(all.data(), 1, all.size(), file_.get()));
    return all;
  }

 private:
  struct close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, close> file_{std::tmpfile()};
};

}  // namespace

TEST_CASE("counts and sizes are short") {
  CHECK(short_count(7) == "7");
  CHECK(short_count(999) == "999");
  CHECK(short_count(134'515'008) == "134.5 M");
  CHECK(short_count(1'040'000'000'000) == "1.04 T");
  CHECK(short_bytes(12) == "12 bytes");
  CHECK(short_bytes(98'362'432) == "93.8 MiB");
  CHECK(short_bytes(std::uint64_t{1} << 40U) == "1.0 TiB");
}

TEST_CASE("columns line up and lines have no blanks at their ends") {
  CHECK(align({{"a", "bb"}, {"ccc", ""}}, false) == "a    bb\nccc\n");
  CHECK(align({{"a", "bb"}, {"ccc", "d"}}, true) == "a    bb\nccc   d\n");
  CHECK(align({}, true).empty());
}

TEST_CASE("progress is a line for each stage where there is no terminal") {
  captured_file file;
  {
    progress_line line(file.get(), false);
    line.show("reading", 0);
    line.show("reading", 0.5);
    line.show("loading", 0.1);
  }
  CHECK(file.text() == "reading ...\nloading ...\n");
}

TEST_CASE("progress rewrites one line of a terminal and clears it at the end") {
  captured_file file;
  {
    progress_line line(file.get(), true);
    line.show("loading", 0.5);
    line.show("loading", 2.0);
  }
  const std::string text = file.text();
  CHECK(text.find("50 %") != std::string::npos);
  CHECK(text.find("100 %") != std::string::npos);
  CHECK(text.find('\n') == std::string::npos);
  CHECK(text.ends_with("\r\x1b[K"));
}

TEST_CASE("a text that changes is painted over on a terminal, line by line") {
  captured_file file;
  {
    screen out(file.get(), true);
    out.show("one\ntwo\n");
    out.show("three\n");
  }
  CHECK(file.text() ==
        "\x1b[?7l\x1b[Hone\x1b[K\ntwo\x1b[K\n\x1b[J"
        "\x1b[?7l\x1b[Hthree\x1b[K\n\x1b[J\x1b[?7h");
}

TEST_CASE("elsewhere one text follows another") {
  captured_file file;
  {
    screen out(file.get(), false);
    out.show("one\n");
    out.show("two\n");
  }
  CHECK(file.text() == "one\n\ntwo\n");
}

}  // namespace troupe::cli
