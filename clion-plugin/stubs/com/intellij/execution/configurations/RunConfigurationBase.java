package com.intellij.execution.configurations;

import com.intellij.openapi.util.UserDataHolder;

public abstract class RunConfigurationBase<T> implements RunConfiguration, UserDataHolder {
  @Override
  public abstract RunConfiguration clone();
}
