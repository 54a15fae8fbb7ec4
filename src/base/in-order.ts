/** Tasks done several at once, whose results come in order. */

/**
 * The results of `task(0)` to `task(count - 1)` in order, with at most `atOnce` under way and at most `ahead`
 * begun or waiting to be taken.
 */
export async function* inOrder<T>(
  count: number,
  task: (index: number) => Promise<T>,
  atOnce: number,
  ahead: number,
): AsyncGenerator<T> {
  const waiting: Promise<T>[] = [];
  const running = new Set<Promise<unknown>>();
  let begun = 0;
  let wake: () => void = () => {};
  const start = () => {
    while (begun < count && running.size < atOnce && waiting.length < ahead) {
      const index = begun++;
      const result = (async () => task(index))(); // what throws at once rejects, too
      waiting.push(result);
      running.add(result);
      const settled = () => {
        running.delete(result);
        start();
        wake();
      };
      result.then(settled, settled);
    }
  };
  try {
    for (let taken = 0; taken < count; taken++) {
      start();
      while (waiting.length === 0)
        await new Promise<void>(resolve => {
          wake = resolve;
        });
      yield await waiting.shift()!;
    }
  } finally {
    begun = count; // whoever stops early starts no more, and waits for what is under way
    await Promise.allSettled(waiting);
  }
}
