// Does a thing at most once in a while: at once if it has rested, else when the while is over. The last wish is never lost.

export class Pace {
  private timer: NodeJS.Timeout | undefined;
  private last = -Infinity;

  constructor(
    private readonly milliseconds: number,
    private readonly work: () => void,
  ) {}

  wish(): void {
    if (this.timer !== undefined) return;
    const rest = this.last + this.milliseconds - performance.now();
    if (rest <= 0) this.run();
    else this.timer = setTimeout(() => this.run(), rest);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private run(): void {
    this.timer = undefined;
    this.last = performance.now();
    this.work();
  }
}
