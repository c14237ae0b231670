import type { Guard, GuardRequest, Verdict } from 'auth-agent-mcp-core'
import type { Context } from 'hono'

/** What the guard wants to know. The path is Hono's own, the one its router matched: no Host, mount or encoding can make the two differ. */
function describe(c: Context): GuardRequest {
  return {
    method: c.req.method,
    path: c.req.path,
    authorization: c.req.header('authorization'),
    preflightMethod: c.req.header('access-control-request-method'),
    origin: c.req.header('origin'),
    contentType: c.req.header('content-type'),
    mcpProtocolVersion: c.req.header('mcp-protocol-version'),
    mcpMethod: c.req.header('mcp-method'),
    mcpName: c.req.header('mcp-name'),
  }
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}

/** Reads at most `limit` bytes; undefined when there are more. */
async function readBounded(body: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  if (body === null) return new Uint8Array()
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return join(chunks, size)
    size += value.byteLength
    if (size > limit) {
      void reader.cancel().catch(() => {})
      return undefined
    }
    chunks.push(value)
  }
}

/**
 * The body, left intact for the handler: a copy is read while the original stays unread. When an earlier middleware has consumed it, Hono's cache
 * holds what the handler will see.
 */
async function readBody(c: Context, limit: number): Promise<Uint8Array | undefined> {
  if (Number(c.req.header('content-length')) > limit) return undefined
  if (!c.req.raw.bodyUsed) return readBounded(c.req.raw.clone().body, limit)
  const body = new Uint8Array(await c.req.arrayBuffer())
  return body.byteLength > limit ? undefined : body
}

async function judgeWithBody(guard: Guard, c: Context): Promise<Verdict> {
  const body = await readBody(c, guard.maxBody)
  if (body === undefined) {
    void c.req.raw.body?.cancel().catch(() => {})
    return guard.refuseBody()
  }
  const request = { ...describe(c), body }
  return guard.checkRequest(request) ?? guard.authorize(request)
}

/**
 * The guard's verdict on this request, at once when it is known. A request without credentials is answered without looking at its body, so that
 * nobody unknown makes us buffer.
 */
export function judge(guard: Guard, c: Context): Verdict | Promise<Verdict> {
  const { method, path } = c.req
  const authorization = c.req.header('authorization')
  if (authorization !== undefined && guard.wantsBody(method)) return judgeWithBody(guard, c)
  const preflight = method === 'OPTIONS' ? c.req.header('access-control-request-method') : undefined
  return guard.check(method, path, authorization, c.req.header('origin'), preflight) ?? guard.authorize(describe(c))
}
