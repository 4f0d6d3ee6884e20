// Drizzle ORM: typed tables, the query builder, relational queries (lateral joins that build JSON), transactions.
import pg from 'pg'
import { and, asc, avg, count, desc, eq, exists, gt, ilike, inArray, isNull, max, notInArray, or, relations, sql, sum } from 'drizzle-orm'
import { alias, bigint, boolean, char, customType, date, doublePrecision, integer, interval, jsonb, numeric, pgEnum, pgSchema, pgTable,
  primaryKey, serial, text, time, timestamp, unionAll, uuid, varchar,
} from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/node-postgres'
import { config, print, refused, run } from './probe.mjs'

const level = pgEnum('level', ['low', 'high'])
const bytes = customType({ dataType: () => 'bytea' })

const users = pgTable('users', {
  id: serial('id').primaryKey(),
  name: varchar('name', { length: 30 }).notNull(),
  email: text('email').unique(),
  level: level('level').default('low'),
  managerId: integer('manager_id'),
  settings: jsonb('settings').default({}),
})
const posts = pgTable('posts', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  authorId: integer('author_id').notNull(),
  title: text('title').notNull(),
  score: doublePrecision('score'),
  price: numeric('price', { precision: 8, scale: 2 }),
  tags: text('tags').array().notNull().default(sql`'{}'::text[]`),
  published: timestamp('published', { withTimezone: true, mode: 'string' }),
  day: date('day'),
  at: time('at'),
  took: interval('took'),
  token: uuid('token'),
  code: char('code', { length: 4 }),
  raw: bytes('raw'),
  draft: boolean('draft').default(true),
})
const groups = pgTable('groups', { id: integer('id').primaryKey(), name: text('name') })
const members = pgTable('members', { userId: integer('user_id'), groupId: integer('group_id') },
  (table) => [primaryKey({ columns: [table.userId, table.groupId] })])
const audit = pgSchema('history').table('audit', { id: serial('id').primaryKey(), what: text('what') })

const schema = {
  users, posts, groups, members,
  userRelations: relations(users, ({ one, many }) => ({
    posts: many(posts), memberships: many(members),
    manager: one(users, { fields: [users.managerId], references: [users.id], relationName: 'managed' }),
    managed: many(users, { relationName: 'managed' }),
  })),
  postRelations: relations(posts, ({ one }) => ({ author: one(users, { fields: [posts.authorId], references: [users.id] }) })),
  memberRelations: relations(members, ({ one }) => ({
    user: one(users, { fields: [members.userId], references: [users.id] }),
    group: one(groups, { fields: [members.groupId], references: [groups.id] }),
  })),
}

const pool = new pg.Pool({ ...config, max: 3 })
const db = drizzle(pool, { schema })

async function create() {
  await db.execute(sql`CREATE SCHEMA history`)
  await db.execute(sql`CREATE TYPE level AS ENUM ('low', 'high')`)
  await db.execute(sql`CREATE TABLE users (id serial PRIMARY KEY, name varchar(30) NOT NULL, email text CONSTRAINT users_email_unique UNIQUE,
    level level DEFAULT 'low', manager_id integer, settings jsonb DEFAULT '{}'::jsonb, CONSTRAINT long CHECK (length(name) > 1))`)
  await db.execute(sql`CREATE TABLE posts (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, author_id integer NOT NULL, title text NOT NULL,
    score double precision, price numeric(8, 2), tags text[] NOT NULL DEFAULT '{}', published timestamptz, day date, at time, took interval,
    token uuid, code char(4), raw bytea, draft boolean DEFAULT true)`)
  await db.execute(sql`CREATE TABLE groups (id integer PRIMARY KEY, name text)`)
  await db.execute(sql`CREATE TABLE members (user_id integer, group_id integer, CONSTRAINT members_pk PRIMARY KEY (user_id, group_id))`)
  await db.execute(sql`CREATE TABLE history.audit (id serial PRIMARY KEY, what text)`)
  await db.execute(sql`CREATE INDEX posts_author ON posts USING btree (author_id, title DESC NULLS LAST)`)
  await db.execute(sql`CREATE UNIQUE INDEX users_lower ON users USING btree (lower(email))`)
}

async function insert() {
  print(await db.insert(users).values([
    { name: 'Ada', email: 'ada@example.org', level: 'high', settings: { theme: 'dark', n: [1, 2] } },
    { name: 'Grace', email: 'grace@example.org', managerId: 1 },
    { name: 'Alan', managerId: 1 },
    { name: 'Edsger', email: 'e@example.org', managerId: 2 },
  ]).returning())
  print(await db.insert(posts).values([
    { authorId: 1, title: 'First', score: 1.5, price: '10.50', tags: ['a', 'b "c"'], published: '2024-02-29 12:00:00+00', day: '2024-02-29', at: '12:30:15', took: '1 day 02:00:00', token: '00000000-0000-0000-0000-000000000001', code: 'ab', raw: Buffer.from([0, 255]) },
    { authorId: 1, title: 'Second', score: 2.5, price: '3', draft: false },
    { authorId: 2, title: 'Third', score: null, price: '7.25', tags: ['a'] },
  ]).returning())
  await db.insert(groups).values([{ id: 1, name: 'staff' }, { id: 2, name: 'guests' }])
  await db.insert(members).values([{ userId: 1, groupId: 1 }, { userId: 2, groupId: 1 }, { userId: 2, groupId: 2 }])
  print(await db.insert(audit).values({ what: 'inserted' }).returning({ id: audit.id }))
}

async function select() {
  print(await db.select().from(users).orderBy(asc(users.id)))
  print(await db.select({ id: posts.id, title: posts.title, author: users.name }).from(posts).leftJoin(users, eq(posts.authorId, users.id))
    .where(or(gt(posts.score, 1), isNull(posts.score))).orderBy(desc(posts.title)))
  const manager = alias(users, 'manager')
  print(await db.select({ name: users.name, manager: manager.name }).from(users).leftJoin(manager, eq(users.managerId, manager.id)).orderBy(users.id))
  print(await db.select({ author: posts.authorId, n: count(), total: sum(posts.price), best: max(posts.score), mean: avg(posts.price) })
    .from(posts).groupBy(posts.authorId).having(({ n }) => gt(n, 0)).orderBy(posts.authorId))
  print(await db.select().from(users).where(and(ilike(users.name, '%a%'), inArray(users.level, ['low', 'high']))).orderBy(users.id).limit(2).offset(1))
  print(await db.select({ name: users.name }).from(users).where(exists(db.select().from(posts).where(eq(posts.authorId, users.id)))).orderBy(users.id))
  print(await db.selectDistinctOn([posts.authorId], { author: posts.authorId, title: posts.title }).from(posts).orderBy(posts.authorId, desc(posts.title)))
  const best = db.$with('best').as(db.select({ author: posts.authorId, top: max(posts.score).as('top') }).from(posts).groupBy(posts.authorId))
  print(await db.with(best).select({ name: users.name, top: best.top }).from(users).innerJoin(best, eq(best.author, users.id)).orderBy(users.id))
  const inner = db.select().from(posts).where(gt(posts.price, '5')).as('dear')
  print(await db.select({ title: inner.title, price: inner.price }).from(inner).orderBy(inner.id))
  print(await unionAll(db.select({ name: users.name }).from(users), db.select({ name: groups.name }).from(groups)).orderBy(sql`1`))
  print(await db.select({ name: users.name, rank: sql`rank() OVER (ORDER BY ${users.level} DESC, ${users.name})`.mapWith(Number) }).from(users).orderBy(users.name))
  print(await db.$count(users, eq(users.managerId, 1)))
  print(await db.select().from(users).where(sql`${users.settings}->>'theme' = ${'dark'}`).then((rows) => rows.length))
}

async function relational() {
  print(await db.query.users.findMany({ orderBy: users.id, with: { posts: { orderBy: posts.id, columns: { title: true, price: true, tags: true } }, manager: { columns: { name: true } } } }))
  print(await db.query.users.findFirst({ where: eq(users.name, 'Grace'), with: { managed: true, memberships: { with: { group: true }, orderBy: members.groupId } } }))
  print(await db.query.posts.findMany({ orderBy: desc(posts.id), limit: 2, columns: { title: true, published: true, raw: false }, extras: { loud: sql`upper(${posts.title})`.as('loud') }, with: { author: { with: { posts: { columns: { id: true } } } } } }))
  print(await db.query.members.findMany({ orderBy: [members.userId, members.groupId], with: { user: true, group: true } }))
}

async function update() {
  print(await db.update(posts).set({ price: sql`${posts.price} * 2`, tags: ['new'] }).where(eq(posts.authorId, 1)).returning({ id: posts.id, price: posts.price, tags: posts.tags }))
  print(await db.update(users).set({ level: 'high' }).from(posts).where(and(eq(users.id, posts.authorId), eq(posts.title, 'Third'))).returning({ name: users.name, title: posts.title, level: users.level }))
  print((await db.update(users).set({ settings: null }).where(eq(users.id, 4))).rowCount)
  print(await db.delete(posts).where(notInArray(posts.id, [1, 2])).returning())
  const moved = db.$with('moved').as(db.update(users).set({ managerId: null }).where(eq(users.id, 3)).returning())
  print(await db.with(moved).select().from(moved))
}

async function upsert() {
  print(await db.insert(users).values({ id: 1, name: 'Again' }).onConflictDoNothing().returning())
  print(await db.insert(users).values({ name: 'Other', email: 'ada@example.org' }).onConflictDoUpdate({ target: users.email, set: { name: sql`excluded.name || ' and ' || ${users.name}` } }).returning({ id: users.id, name: users.name }))
  print(await db.insert(members).values([{ userId: 1, groupId: 1 }, { userId: 4, groupId: 1 }]).onConflictDoNothing({ target: [members.userId, members.groupId] }).returning())
  print(await db.insert(groups).select(db.select({ id: sql`${users.id} + 10`.as('id'), name: users.name }).from(users).orderBy(users.id)).returning())
}

async function prepared() {
  const byName = db.select().from(users).where(eq(users.name, sql.placeholder('name'))).prepare('by_name')
  for (const name of ['Grace', 'Alan', 'Nobody', 'Grace', 'Edsger', 'Alan']) print(await byName.execute({ name }))
  await db.execute(sql`ALTER TABLE users ADD COLUMN added int DEFAULT 4`)
  print(await byName.execute({ name: 'Grace' }))
}

async function transactions() {
  await db.transaction(async (tx) => {
    await tx.insert(groups).values({ id: 50, name: 'kept' })
    await tx.transaction(async (inner) => { await inner.insert(groups).values({ id: 51 }); inner.rollback() }).catch((error) => print(error.message))
    print(await tx.select().from(groups).where(gt(groups.id, 40)).for('update', { skipLocked: true }))
  }, { isolationLevel: 'repeatable read' })
  await db.transaction(async (tx) => { await tx.delete(groups); tx.rollback() }).catch((error) => print(error.message))
  print(await db.select().from(groups).orderBy(groups.id))
  await refused(db.transaction(async (tx) => { await tx.insert(groups).values({ id: 60 }) }, { accessMode: 'read only' }))
}

async function errors() {
  await refused(db.insert(users).values({ name: 'x' }))
  await refused(db.insert(users).values({ name: 'Copy', email: 'GRACE@example.org' }))
  await refused(db.insert(members).values({ userId: 1, groupId: 1 }))
  await refused(db.insert(posts).values({ authorId: 1, title: 'x', price: '1234567' }))
  await refused(db.execute(sql`SELECT nothing FROM posts`))
}

await run([create, insert, select, relational, update, upsert, prepared, transactions, errors])
await pool.end()
