package com.intellij.execution.configuration;

import com.intellij.execution.configurations.RunConfigurationBase;

/** Generic, so that javac makes the bridge method by which the platform calls isApplicableFor. */
public abstract class RunConfigurationExtensionBase<T extends RunConfigurationBase<?>> {
  public abstract boolean isApplicableFor(T configuration);
}
