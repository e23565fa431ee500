package inpod.session;

/** Something that the user must know: what went wrong, and what to do about it (may be empty). */
public class InpodException extends Exception {
  private final String remedy;

  public InpodException(String text, String remedy) {
    super(text);
    this.remedy = remedy;
  }

  public String remedy() {
    return remedy;
  }

  /** The user has cancelled; nobody needs to be told. */
  public static final class Cancelled extends InpodException {
    public Cancelled() {
      super("cancelled", "");
    }
  }
}
