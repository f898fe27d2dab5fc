import type { RedisValue } from "../../ports/redis-script.ts";

export interface CommandReply {
  readonly result?: RedisValue;
  readonly error?: string;
}

/** Something that runs Redis commands: the embedded engine, or a real server over TCP. */
export interface RedisEngine {
  /** Rejects with `RedisReplyError` for the server's own complaints, with anything else when it did not answer. */
  call(command: readonly string[]): Promise<RedisValue>;
  /** One round trip; a command's error does not stop the ones after it. */
  pipeline(commands: readonly (readonly string[])[]): Promise<readonly CommandReply[]>;
  /** MULTI … EXEC. */
  transaction(commands: readonly (readonly string[])[]): Promise<readonly CommandReply[]>;
  close(): Promise<void>;
}
