// `inpod dap`: the DAP server, as editors start it.
#include <boost/asio/any_io_executor.hpp>

#include "cli/command.hpp"
#include "cli/config_options.hpp"
#include "dap/serve.hpp"

namespace inpod::cli {

void add_dap(CLI::App& app, Globals& globals) {
  auto* command =
      app.add_subcommand("dap", "The DAP server: on stdin and stdout, a TCP port, or a unix socket");
  auto options = std::make_shared<dap::ServeOptions>();
  auto* listen =
      command
          ->add_option(
              "--listen", options->listen,
              "Serve on this address, or on the unix socket unix:PATH, instead of stdio; port 0 takes "
              "a free one. Over TCP, clients must show the secret that is printed")
          ->type_name("HOST:PORT");
  command
      ->add_option("--secret-file", options->secret_file,
                   "The secret of --listen HOST:PORT is in this file, which is made if it is missing")
      ->type_name("FILE")
      ->needs(listen);
  command->add_flag(
      "--allow-remote", options->allow_remote,
      "Let --listen name an address that other machines reach: whoever has the secret, or reads "
      "it off the network, can run programs here");
  command
      ->add_option("--debugger", options->debugger,
                   "lldb-dap, gdb, cdt-gdb-adapter, codelldb, cppdbg, or a command")
      ->type_name("NAME");
  add_trusted_folder(*command, options->trusted_folder);
  command->footer(
      "A command behind \"--\" is the debug adapter to start.\n"
      "Examples:\n  inpod dap\n  inpod dap --debugger lldb-dap\n  inpod dap --listen 127.0.0.1:4711\n  inpod "
      "dap --listen unix:$XDG_RUNTIME_DIR/inpod-dap\n  inpod dap -- gdb -i dap");
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
