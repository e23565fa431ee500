package com.intellij.execution.runners;

import com.intellij.execution.configurations.RunProfile;

public class ExecutionEnvironment {
  public RunProfile getRunProfile() {
    throw new AssertionError();
  }
}
