package inpod.clion;

import com.intellij.execution.ExecutionException;
import com.intellij.execution.configurations.GeneralCommandLine;
import com.intellij.execution.configurations.RunnerSettings;
import com.jetbrains.cidr.execution.CidrRunConfigurationExtensionBase;
import com.jetbrains.cidr.execution.ConfigurationExtensionContext;
import com.jetbrains.cidr.lang.toolchains.CidrToolEnvironment;
import com.jetbrains.cidr.lang.workspace.OCRunConfiguration;
import inpod.session.Overlay;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;

/**
 * CLion's say on a command line, for Run and for Debug: names the program to the layer and puts the session's environment in place.
 * Concerns marked copies only; every other configuration passes untouched.
 */
public final class InpodExtension extends CidrRunConfigurationExtensionBase {
  @Override
  public boolean isApplicableFor(OCRunConfiguration<?, ?> configuration) {
    return Launch.of(configuration) != null;
  }

  @Override
  public boolean isEnabledFor(OCRunConfiguration<?, ?> configuration, CidrToolEnvironment environment, RunnerSettings settings) {
    return Launch.of(configuration) != null;
  }

  @Override
  public void patchCommandLine(OCRunConfiguration<?, ?> configuration, RunnerSettings settings, CidrToolEnvironment environment,
      GeneralCommandLine commandLine, String runnerId, ConfigurationExtensionContext context) throws ExecutionException {
    Launch launch = Launch.of(configuration);
    if (launch == null) return;
    if (!launch.session().isOpen()) {
      throw new ExecutionException("The cluster session of the earlier run has ended. Press Run in Cluster or Debug in Cluster again.");
    }
    String elsewhere = Toolchain.elsewhere(environment);
    if (elsewhere != null) {
      throw new ExecutionException("inpod runs programs on this machine, but this toolchain runs them elsewhere (" + elsewhere
          + "): remote, WSL and Docker toolchains are not supported. Choose a local toolchain.");
    }
    Path program = program(commandLine.getExePath());
    Overlay.patch(launch.session().ready(), program.toString(), commandLine.getEnvironment());
    launch.program().complete(new Launch.Program(program, Instant.now()));
  }

  private static Path program(String path) throws ExecutionException {
    try {
      return Path.of(path).toRealPath();
    } catch (IOException | RuntimeException missing) {
      throw new ExecutionException("The program " + path + " is not on this machine. Build it, or choose a local toolchain.");
    }
  }
}
