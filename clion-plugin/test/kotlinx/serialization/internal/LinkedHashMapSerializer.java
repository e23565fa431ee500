package kotlinx.serialization.internal;

import kotlinx.serialization.KSerializer;

/** See KSerializer. */
public final class LinkedHashMapSerializer implements KSerializer {
  public LinkedHashMapSerializer(KSerializer keys, KSerializer values) {}
}
