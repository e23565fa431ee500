package com.intellij.execution.process;

public abstract class ProcessHandler {
  public void destroyProcess() {}

  public boolean isProcessTerminated() {
    return false;
  }
}
