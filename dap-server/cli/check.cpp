// `inpod check`.
#include "cli/check.hpp"

#include "cli/command.hpp"
#include "cli/config_options.hpp"
#include "cli/console.hpp"

namespace inpod::cli {
namespace {

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::warning:
      return "warning";
    case Verdict::failed:
      return "failed";
  }
  return "";
}

void print(const Finding& finding, bool json) {
  if (json) {
    print_json({{"check", finding.check},
                {"status", to_string(finding.verdict)},
                {"text", finding.text},
                {"remedy", finding.remedy}});
    return;
  }
  print_row({{to_string(finding.verdict), 8}, {finding.check, 11}, {finding.text}});
  if (!finding.remedy.empty() && finding.verdict != Verdict::ok)
    print_row({{"", 22}, {"→ " + finding.remedy}});
  fflush(stdout);
}

int check(const ConfigOptions& options, bool json) {
  bool failed = false;
  const Tell tell = [&](const Finding& finding) {
    failed = failed || finding.verdict == Verdict::failed;
    print(finding, json);
  };
  const auto config = options.load([&](const config::FileReport& file) {
    if (!file.warning.empty()) tell({"config", Verdict::warning, file.warning, ""});
    if (!file.file.empty()) tell({"config", Verdict::ok, file.line(), ""});
  });
  if (!config) {
    tell({"config", Verdict::failed, config.error().text, config.error().remedy});
    return 1;
  }
  check_machine(*config, tell);
  const bool local = config->target.rfind("local:", 0) == 0;
  const int code = run_to_end([&](boost::asio::any_io_executor executor) -> protocol::Task<int> {
    if (local) {
      co_await check_agent(executor, *config, tell);
    } else {
      co_await check_cluster(executor, *config, tell);
    }
    co_return 0;
  });
  return code != 0 ? code : failed ? 1 : 0;
}

}  // namespace

void add_check(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("check", "Doctor: what works, what is missing, and what to do about it");
  auto options = std::make_shared<ConfigOptions>();
  auto format = std::make_shared<std::string>("text");
  options->add_session(*command);
  command->add_option("-o,--output", *format, "json: one object per line")
      ->check(CLI::IsMember({"text", "json"}));
  command->footer(
      "Examples:\n  inpod check -t deployment/checkout -n shop\n  inpod check -t local:4242 -o json\n"
      "Exit code: 1 when a check failed.");
  command->callback([=, &globals] { globals.action = [=] { return check(*options, *format == "json"); }; });
}

}  // namespace inpod::cli
