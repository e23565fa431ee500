package com.intellij.execution.runners;

import com.intellij.execution.Executor;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.execution.configurations.RunProfile;

public final class ExecutionEnvironmentBuilder {
  public static ExecutionEnvironmentBuilder createOrNull(Executor executor, RunnerAndConfigurationSettings settings) {
    throw new AssertionError();
  }

  public ExecutionEnvironmentBuilder runProfile(RunProfile profile) {
    return this;
  }

  public ExecutionEnvironmentBuilder activeTarget() {
    return this;
  }

  public ExecutionEnvironment build() {
    throw new AssertionError();
  }
}
