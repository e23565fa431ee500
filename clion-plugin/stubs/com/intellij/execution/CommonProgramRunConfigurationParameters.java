package com.intellij.execution;

import java.util.Map;

public interface CommonProgramRunConfigurationParameters {
  Map<String, String> getEnvs();

  void setEnvs(Map<String, String> variables);

  boolean isPassParentEnvs();

  void setPassParentEnvs(boolean pass);
}
