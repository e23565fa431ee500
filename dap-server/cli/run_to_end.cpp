// The event loop of a command. See command.hpp.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "cli/command.hpp"
#include "cli/console.hpp"

namespace inpod::cli {

int run_to_end(const std::function<protocol::Task<int>(boost::asio::any_io_executor)>& task) {
  boost::asio::io_context context(1);
  int code = exit_failed;
  boost::asio::co_spawn(context, task(context.get_executor()),
                        [&](const std::exception_ptr& error, int result) {
                          code = result;
                          if (error) {
                            code = exit_failed;
                            try {
                              std::rethrow_exception(error);
                            } catch (const std::exception& exception) {
                              report(Error{0, std::string("internal error: ") + exception.what(),
                                           "please report it, with --log-file"});
                            }
                          }
                          context.stop();
                        });
  context.run();
  return code;
}

}  // namespace inpod::cli
