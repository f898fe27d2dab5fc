/** An error that a Redis command replies with, in the server's own words. The store is well; the command was not. */
export class RedisReplyError extends Error {
  override readonly name = "RedisReplyError";
}

export const wrongType = () => new RedisReplyError("WRONGTYPE Operation against a key holding the wrong kind of value");
export const notAnInteger = () => new RedisReplyError("ERR value is not an integer or out of range");
export const syntaxError = () => new RedisReplyError("ERR syntax error");
