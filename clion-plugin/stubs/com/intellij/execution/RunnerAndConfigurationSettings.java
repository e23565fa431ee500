package com.intellij.execution;

import com.intellij.execution.configurations.RunConfiguration;

public interface RunnerAndConfigurationSettings {
  RunConfiguration getConfiguration();

  String getName();
}
