/** The commands a script may use, as `redis.call` gives them in Lua: synchronous, replies as Redis types. */
export type RedisValue = string | number | null | readonly RedisValue[];
export type ScriptCall = (command: string, ...args: readonly (string | number)[]) => RedisValue;

/**
 * One atomic step on Redis. It exists twice: as Lua for a real server and as a function for the embedded engine;
 * a property test holds the two equal. It is always sent as EVAL; a platform may turn that into EVALSHA.
 */
export interface RedisScript {
  readonly name: string;
  readonly lua: string;
  readonly native: (call: ScriptCall, keys: readonly string[], args: readonly string[]) => RedisValue;
}

/** What a script is called with. */
export interface ScriptInput {
  readonly keys: string[];
  readonly args: string[];
}
