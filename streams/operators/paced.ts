// Listeners that may be slow, and that a stream must not outrun: what has not been listened to yet would pile up in
// memory. A stream tells them at once and goes on; only the credit of what comes meanwhile waits until they are ready,
// so that the source is pulled no faster than they listen.

import type { Credit } from './credited.ts';

export class Paced {
  readonly #credit: Pick<Credit, 'give'>;
  #telling = 0;
  #owed = 0;

  constructor(credit: Pick<Credit, 'give'>) {
    this.#credit = credit;
  }

  /** Gives credit for one item back, once nobody is being told anything. */
  give(): void {
    if (this.#telling > 0) this.#owed += 1;
    else this.#credit.give();
  }

  /** Waits for a listener, who may return a promise. @throws what that rejects with */
  async told(ready: unknown): Promise<void> {
    this.#telling += 1;
    try {
      await ready;
    } finally {
      this.#telling -= 1;
      if (this.#telling === 0) for (; this.#owed > 0; this.#owed--) this.#credit.give();
    }
  }
}
