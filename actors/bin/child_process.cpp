#include "actors/bin/child_process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

namespace troupe::cli {
namespace {

constexpr std::chrono::milliseconds start_limit{10'000};
constexpr std::chrono::milliseconds kill_limit{5'000};
/// Descriptors that are closed one by one where the kernel cannot close them all at once.
constexpr int most_descriptors = 65'536;

/// Everything that the child needs, made before the fork: after it, memory may not be asked for.
struct preparation {
  const char* program = nullptr;
  std::vector<char*> arguments;
  int output = -1;
  pid_t parent = 0;
  int report = -1;
};

/// Tells the parent why the program does not run.
[[noreturn]] void give_up(const preparation& p) {
  const int why = errno;
  (void)!::write(p.report, &why, sizeof why);
  ::_exit(127);
}

void close_on_execute() {
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  for (int i = 3; i < most_descriptors; ++i) (void)::fcntl(i, F_SETFD, FD_CLOEXEC);
}

/// The child from the fork to its program. The parent has threads, so that nothing but
/// async-signal-safe calls is allowed here.
[[noreturn]] void become(const preparation& p) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != p.parent) ::_exit(127);  // it ended before the line above
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing > 0) ::dup2(nothing, STDIN_FILENO);
  if (p.output >= 0) {
    ::dup2(p.output, STDOUT_FILENO);
    ::dup2(p.output, STDERR_FILENO);
  }
  close_on_execute();
  ::execv(p.program, p.arguments.data());
  give_up(p);
}

preparation prepare(const child_command& command, int report) {
  preparation p;
  p.program = command.program.c_str();
  p.arguments.reserve(command.arguments.size() + 1);
  // execv() takes char* for reasons of age and changes nothing.
  for (const std::string& argument : command.arguments)
    p.arguments.push_back(const_cast<char*>(argument.c_str()));
  p.arguments.push_back(nullptr);
  p.output = command.output;
  p.parent = ::getpid();
  p.report = report;
  return p;
}

bool readable(int descriptor, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd one{descriptor, POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready > 0) return true;
    if (left.count() <= 0) return false;
  }
}

tl::unexpected<error> system_failure(const std::string& what, int code) {
  return fail(code == ENOENT ? errc::not_found : errc::io_error, "{}: {}", what,
              std::generic_category().message(code));
}

/// What came through the pipe: nothing where the program runs.
result<void> outcome(const child_command& command, int pipe) {
  if (!readable(pipe, start_limit))
    return fail(errc::io_error, "{} did not start within {} s", command.program,
                start_limit.count() / 1000);
  int why = 0;
  if (::read(pipe, &why, sizeof why) != sizeof why) return {};
  return system_failure(command.program + " cannot be started", why);
}

}  // namespace

std::string child_process::end::text() const {
  if (signal == 0) return fmt::format("exit status {}", code);
  const char* name = ::sigdescr_np(signal);
  return fmt::format("signal {} ({})", signal, name == nullptr ? "unknown" : name);
}

result<child_process> child_process::start(const child_command& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure("pipe", errno);
  const descriptor answer(ends[0]);
  descriptor report(ends[1]);
  const preparation prepared = prepare(command, report.number());
  const pid_t pid = ::fork();
  if (pid == 0) become(prepared);
  if (pid < 0) return system_failure("fork", errno);
  report.close();
  child_process child(pid, descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  if (child.watched() < 0) return system_failure("pidfd_open", errno);
  if (const auto runs = outcome(command, answer.number()); !runs) return fail(runs.error());
  return child;
}

child_process::child_process(child_process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      watched_(std::move(other.watched_)),
      reaped_(other.reaped_),
      end_(other.end_) {}

child_process::~child_process() {
  if (pid_ <= 0 || reaped_) return;
  kill();
  (void)wait(kill_limit);
}

bool child_process::finished(end& ended) {
  if (!reaped_) {
    int status = 0;
    const pid_t found = ::waitpid(pid_, &status, WNOHANG);
    if (found == 0) return false;
    reaped_ = true;
    if (found < 0)
      end_ = {-1, 0};  // somebody else took note of it
    else if (WIFSIGNALED(status))
      end_ = {0, WTERMSIG(status)};
    else
      end_ = {WEXITSTATUS(status), 0};
  }
  ended = end_;
  return true;
}

bool child_process::wait(std::chrono::milliseconds limit) {
  end ended;
  if (finished(ended)) return true;
  return readable(watched(), limit) && finished(ended);
}

void child_process::terminate() const {
  if (pid_ <= 0 || reaped_) return;
  ::kill(pid_, SIGTERM);
  ::kill(pid_, SIGCONT);
}

void child_process::kill() const {
  if (pid_ > 0 && !reaped_) ::kill(pid_, SIGKILL);
}

void child_process::kill_group() const {
  // Until it has been waited for, no other group can have its number.
  if (pid_ > 0 && !reaped_) ::kill(-pid_, SIGKILL);
}

}  // namespace troupe::cli
