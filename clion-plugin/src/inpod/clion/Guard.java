package inpod.clion;

import com.intellij.execution.process.ProcessHandler;
import inpod.session.InpodException;
import inpod.session.LaunchWatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Fail closed: a launch whose program does not load the layer is stopped. Runs in a thread of its own. */
final class Guard {
  private static final long EXTENSION_SECONDS = 10;

  private Guard() {}

  /** Returns when the layer is at work; else stops the process and throws with the reason. */
  static void await(Launch launch, ProcessHandler handler) throws InpodException {
    try {
      Launch.Program program = program(launch);
      new LaunchWatch(launch.session(), program.path(), program.since()).await(handler::isProcessTerminated);
    } catch (InpodException failed) {
      if (!handler.isProcessTerminated()) handler.destroyProcess();
      throw failed;
    }
  }

  private static Launch.Program program(Launch launch) throws InpodException {
    try {
      return launch.program().get(EXTENSION_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException never) {
      throw new InpodException("This IDE did not ask inpod before it started the configuration; it would have run on this machine alone",
          "Only CLion's own C and C++ configurations can run in the cluster. The DAP and gdb routes in docs/clion.md serve the others");
    } catch (ExecutionException | InterruptedException stopped) {
      throw new InpodException.Cancelled();
    }
  }
}
