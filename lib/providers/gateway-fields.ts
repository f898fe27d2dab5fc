/** Fields that are said to the gateway, not to a provider; a provider that knows one of them declares it. */
export const GATEWAY_FIELDS: readonly string[] = [
  "provider",
  "models",
  "route",
  "transforms",
  "plugins",
  "usage",
  "session_id",
];
