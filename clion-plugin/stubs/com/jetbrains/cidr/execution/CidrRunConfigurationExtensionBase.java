package com.jetbrains.cidr.execution;

import com.intellij.execution.ExecutionException;
import com.intellij.execution.configuration.RunConfigurationExtensionBase;
import com.intellij.execution.configurations.GeneralCommandLine;
import com.intellij.execution.configurations.RunnerSettings;
import com.jetbrains.cidr.lang.toolchains.CidrToolEnvironment;
import com.jetbrains.cidr.lang.workspace.OCRunConfiguration;

public abstract class CidrRunConfigurationExtensionBase extends RunConfigurationExtensionBase<OCRunConfiguration<?, ?>> {
  public abstract boolean isEnabledFor(OCRunConfiguration<?, ?> configuration, CidrToolEnvironment environment, RunnerSettings settings);

  public void patchCommandLine(OCRunConfiguration<?, ?> configuration, RunnerSettings settings, CidrToolEnvironment environment,
      GeneralCommandLine commandLine, String runnerId, ConfigurationExtensionContext context) throws ExecutionException {}
}
