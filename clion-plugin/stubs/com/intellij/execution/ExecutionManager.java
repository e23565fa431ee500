package com.intellij.execution;

import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.openapi.project.Project;

public abstract class ExecutionManager {
  public static ExecutionManager getInstance(Project project) {
    throw new AssertionError();
  }

  public abstract void restartRunProfile(ExecutionEnvironment environment);
}
