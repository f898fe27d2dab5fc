import { AwsV4Signer } from "aws4fetch";
import type { UpstreamRequest } from "../ports/upstream.ts";
import { AuthorizationError } from "./authorization-error.ts";

/** Where AWS is asked by an address of the operator's that names no region. */
const DEFAULT_REGION = "us-east-1";
/** `us-east-1`, `ap-southeast-2`, `us-gov-west-1` as a label of a host name. */
const REGION = /(?:^|[.-])((?:[a-z]{2}|us-gov)-[a-z]+-\d)(?=\.)/;

/**
 * The request with AWS's signature, version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
 * read 2026-11-25). The region is the one that the host names.
 * @param secret `accessKeyId:secretAccessKey`, and `:sessionToken` for temporary credentials
 * @throws AuthorizationError `credentials` for a secret of another shape
 */
export async function signAwsRequest(
  request: UpstreamRequest,
  secret: string,
  service: string,
  nowMs: number,
): Promise<UpstreamRequest> {
  const [accessKeyId = "", secretAccessKey = "", sessionToken = ""] = secret.split(":");
  if (accessKeyId === "" || secretAccessKey === "") {
    throw new AuthorizationError("credentials", "The key is not accessKeyId:secretAccessKey[:sessionToken].");
  }
  const { body } = request;
  // A signature is over all of a body: none of AWS's models takes an upload as it arrives.
  if (body !== null && typeof body !== "string") throw new Error("A streamed body cannot be signed.");
  const signer = new AwsV4Signer({
    method: request.method,
    url: request.url,
    headers: request.headers,
    body,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === "" ? {} : { sessionToken }),
    service,
    region: regionOf(request.url),
    datetime: new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, ""),
  });
  const { headers } = await signer.sign();
  return { ...request, headers: Object.fromEntries(headers) };
}

function regionOf(url: string): string {
  return REGION.exec(new URL(url).hostname)?.[1] ?? DEFAULT_REGION;
}
