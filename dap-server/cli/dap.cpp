// `inpod dap`: the DAP server, as editors start it.
#include <boost/asio/any_io_executor.hpp>

#include "cli/command.hpp"
#include "cli/config_options.hpp"
#include "dap/serve.hpp"

namespace inpod::cli {

void add_dap(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("dap", "The DAP server: on stdin and stdout, or on a TCP port");
  auto options = std::make_shared<dap::ServeOptions>();
  command
      ->add_option("--listen", options->listen,
                   "Serve on this address instead of stdio; port 0 takes a free one")
      ->type_name("HOST:PORT");
  command->add_flag(
      "--allow-remote", options->allow_remote,
      "Let --listen name an address that other machines reach: whoever connects can run programs here");
  command
      ->add_option("--debugger", options->debugger,
                   "lldb-dap, gdb, cdt-gdb-adapter, codelldb, cppdbg, or a command")
      ->type_name("NAME");
  add_trusted_folder(*command, options->trusted_folder);
  command->footer(
      "A command behind \"--\" is the debug adapter to start.\n"
      "Examples:\n  inpod dap\n  inpod dap --debugger lldb-dap\n  inpod dap --listen 127.0.0.1:4711\n  inpod "
      "dap -- gdb -i dap");
  command->callback([options, &globals] {
    globals.action = [options, &globals] {
      options->adapter = globals.command;
      options->start_session = &Session::start;
      return run_to_end(
          [&](boost::asio::any_io_executor executor) { return dap::serve(executor, *options); });
    };
  });
}

}  // namespace inpod::cli
