package com.intellij.execution;

import com.intellij.openapi.project.Project;

public abstract class RunManager {
  public static RunManager getInstance(Project project) {
    throw new AssertionError();
  }

  public abstract RunnerAndConfigurationSettings getSelectedConfiguration();
}
