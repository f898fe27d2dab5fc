import type { ProviderDeclaration } from "../provider-declaration.ts";

export const bedrock: ProviderDeclaration = {
  id: "bedrock",
  name: "Amazon Bedrock",
  baseUrl: "https://bedrock-runtime.{region}.amazonaws.com",
  apiKeyVariable: "AWS_SECRET_ACCESS_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "pdf"],
  keyTemplate: "{accessKeyId}:{key}:{sessionToken}",
  variables: {
    accessKeyId: { name: "AWS_ACCESS_KEY_ID", isSecret: true },
    // Set for temporary credentials.
    sessionToken: { name: "AWS_SESSION_TOKEN", isSecret: true, byDefault: "" },
    region: { name: "AWS_REGION", byDefault: "us-east-1" },
  },
  wire: "bedrock",
};
