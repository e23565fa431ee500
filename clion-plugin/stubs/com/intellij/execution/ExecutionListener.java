package com.intellij.execution;

import com.intellij.execution.process.ProcessHandler;
import com.intellij.execution.runners.ExecutionEnvironment;
import java.util.EventListener;

public interface ExecutionListener extends EventListener {
  default void processNotStarted(String executorId, ExecutionEnvironment environment) {}

  default void processStarted(String executorId, ExecutionEnvironment environment, ProcessHandler handler) {}

  default void processTerminated(String executorId, ExecutionEnvironment environment, ProcessHandler handler, int exitCode) {}
}
