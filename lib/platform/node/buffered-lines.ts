/** How long a line may wait for others. */
const DELAY_MS = 50;
const MAX_WAITING_CHARACTERS = 64 * 1024;

/** Log lines written together: a write for each would cost a request more than most of what it does. */
export function bufferedLines(write: (text: string) => void): { write(line: string): void; flush(): void } {
  let waiting = "";
  let timer: ReturnType<typeof setTimeout> | null = null;

  function flush(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const text = waiting;
    waiting = "";
    if (text !== "") write(text);
  }

  return {
    write(line) {
      waiting += `${line}\n`;
      if (waiting.length >= MAX_WAITING_CHARACTERS) flush();
      else timer ??= setTimeout(flush, DELAY_MS);
    },
    flush,
  };
}
