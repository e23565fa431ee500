package kotlinx.serialization;

/** A name that the loader in Kotlin's compiler links to, and that the compiler does not bring. Nothing calls it. */
public interface KSerializer {}
