package com.intellij.execution.configurations;

import java.util.Map;

public class GeneralCommandLine {
  public Map<String, String> getEnvironment() {
    throw new AssertionError();
  }

  public String getExePath() {
    throw new AssertionError();
  }
}
