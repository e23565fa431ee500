package com.intellij.execution.configurations;

public interface RunProfile {
  String getName();
}
