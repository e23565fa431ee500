package kotlinx.serialization.internal;

import kotlinx.serialization.KSerializer;

/** See KSerializer. */
public final class StringSerializer implements KSerializer {
  public static final StringSerializer INSTANCE = new StringSerializer();
}
