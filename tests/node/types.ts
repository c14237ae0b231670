// Compiled, never run: the declarations say what the addon does. Each @ts-expect-error fails the compilation when the line beneath it is accepted.
import {
  Guard,
  PASS,
  version,
  type Answer,
  type GuardRequest,
  type Pass,
  type Principal,
  type Stats,
  type Verdict,
} from 'auth-agent-mcp-core'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => {}

const guard = new Guard('{}')
const text: string = version
const pass: Pass = PASS

export function told(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'principal':
      same<typeof verdict, Principal>(true)
      return verdict.email ?? text
    case 'answer':
      same<typeof verdict, Answer>(true)
      return verdict.headers.map(([name, value]) => `${name}: ${value}`).join(String(verdict.status))
    case 'pass':
      return verdict.kind
  }
}

export async function asked(request: GuardRequest, signal: AbortSignal): Promise<Verdict> {
  same<ReturnType<typeof guard.check>, Verdict | undefined>(true)
  return guard.check('GET', '/', undefined, undefined, 'PUT') ?? guard.checkRequest(request) ?? (await guard.authorize(request, signal))
}

const refused: Principal | Answer = guard.checkScopes(undefined, 'files:write')
const stats: Stats = guard.stats()
const size: number = guard.maxBody
const wants: boolean = guard.wantsBody('POST')
guard.close()
void [pass, refused, stats, size, wants, guard.refuseBody().body]

// @ts-expect-error options are one JSON text
new Guard({})
// @ts-expect-error a path is needed
guard.check('GET')
// @ts-expect-error bytes or text
guard.checkRequest({ method: 'POST', path: '/', body: 5 })
// @ts-expect-error a list is not a scope text
guard.checkScopes(undefined, ['files:write'])
// @ts-expect-error what a guard gives is read-only
guard.refuseBody().status = 200
// @ts-expect-error read-only
guard.maxBody = 5
// @ts-expect-error not part of the public class
guard.ask({ method: 'GET', path: '/' })
