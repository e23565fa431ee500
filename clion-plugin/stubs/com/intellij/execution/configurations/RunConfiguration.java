package com.intellij.execution.configurations;

public interface RunConfiguration extends RunProfile, Cloneable {
  RunConfiguration clone();
}
