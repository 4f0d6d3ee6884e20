// Runs named sections one after the other and prints what each sees. Nothing printed may depend on OIDs or the clock.
import { inspect } from 'node:util'

export const config = {
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  database: process.env.PGDATABASE,
}

export function print(...values) {
  const shown = values.map((value) =>
    typeof value === 'string' ? value : inspect(value, { depth: 10, breakLength: Infinity, compact: true, maxArrayLength: 500, sorted: true }))
  console.log(shown.join(' ').replaceAll('\n', '\\n'))
}

const FIELDS = ['severity', 'code', 'message', 'detail', 'hint', 'position', 'where', 'schema', 'table', 'column',
  'dataType', 'constraint']

// Failing rows show them.
const TIMES_AND_UUIDS = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

/** Print how something fails: with every field of the server's error. */
export function printError(error) {
  const told = error.driverError ?? error.cause ?? error
  print('error', FIELDS.map((field) => `${field}=${told[field]}`).join(' | ').replaceAll(TIMES_AND_UUIDS, '...'))
}

export async function refused(promise) {
  try {
    print('not refused', await promise)
  } catch (error) {
    printError(error)
  }
}

export async function run(sections) {
  for (const section of sections) {
    console.log(`== ${section.name}`)
    try {
      await section()
    } catch (error) {
      printError(error)
    }
  }
}
