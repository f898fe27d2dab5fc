/**
 * A request could not be given its credential. `credentials`: the key is none, or its issuer refused it; `unreachable`: whoever
 * turns the key into a token did not answer. Its message is for the operator and holds nothing of the key.
 */
export class AuthorizationError extends Error {
  override readonly name = "AuthorizationError";
  readonly reason: "credentials" | "unreachable";

  constructor(reason: AuthorizationError["reason"], message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}
