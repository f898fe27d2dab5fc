import type { Clock } from "../../ports/clock.ts";
import type { RedisValue } from "../../ports/redis-script.ts";
import { HASH_COMMANDS } from "./hash-commands.ts";
import { KEY_COMMANDS } from "./key-commands.ts";
import type { Keyspace } from "./keyspace.ts";
import { SET_COMMANDS } from "./set-commands.ts";
import { STRING_COMMANDS } from "./string-commands.ts";

export interface CommandContext {
  readonly keyspace: Keyspace;
  readonly clock: Clock;
}

/** One command: synchronous, so that each is atomic, and replies as Redis does. */
export type Command = (context: CommandContext, args: readonly string[]) => RedisValue;

/** What the embedded engine understands, by upper-case name: what the gateway uses, and what is near it. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ ...KEY_COMMANDS, ...STRING_COMMANDS, ...HASH_COMMANDS, ...SET_COMMANDS }),
);
