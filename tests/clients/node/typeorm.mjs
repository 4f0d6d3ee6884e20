// TypeORM: its schema builder (which reads the catalog back to see what to change), entities, relations, query builder.
import 'reflect-metadata'
import typeorm from 'typeorm'
import { config, print, printError, refused, run } from './probe.mjs'

const { DataSource, EntitySchema, In, Like, MoreThan, Table, TableColumn, TableForeignKey, TableIndex, TableUnique, TableCheck } = typeorm

const entities = (version) => [
  new EntitySchema({
    name: 'Author',
    tableName: 'author',
    columns: {
      id: { type: 'int', primary: true, generated: 'increment' },
      name: { type: 'varchar', length: 50, unique: true },
      born: { type: 'date', nullable: true },
      mood: { type: 'enum', enum: ['sad', 'ok', 'happy'], default: 'ok' },
      settings: { type: 'jsonb', default: {} },
      tags: { type: 'text', array: true, default: [] },
      created: { type: 'timestamptz', createDate: true },
      updated: { type: 'timestamptz', updateDate: true },
      deleted: { type: 'timestamptz', deleteDate: true, nullable: true },
      version: { type: 'int', version: true },
      ...(version > 1 ? { nick: { type: 'varchar', length: 20, default: 'none', comment: 'what friends say' } } : {}),
    },
    relations: { books: { type: 'one-to-many', target: 'Book', inverseSide: 'author', cascade: ['insert', 'update'] } },
    checks: [{ expression: "name <> ''", name: 'author_has_a_name' }],
  }),
  new EntitySchema({
    name: 'Book',
    tableName: 'book',
    columns: {
      id: { type: 'uuid', primary: true, generated: 'uuid' },
      title: { type: 'varchar' },
      price: { type: 'numeric', precision: version > 1 ? 12 : 8, scale: 2, nullable: true },
      pages: { type: 'int', default: 100 },
      isbn: { type: version > 1 ? 'varchar' : 'char', length: version > 1 ? 20 : 13, nullable: true },
      words: { type: 'bigint', nullable: version > 1 },
      upper_title: { type: 'text', asExpression: 'upper(title)', generatedType: 'STORED', nullable: true },
    },
    relations: {
      author: { type: 'many-to-one', target: 'Author', inverseSide: 'books', onDelete: 'CASCADE', joinColumn: { name: 'author_id' } },
      genres: { type: 'many-to-many', target: 'Genre', joinTable: { name: 'book_genre' }, inverseSide: 'books' },
    },
    indices: [
      { name: 'book_by_author', columns: ['author', 'title'] },
      ...(version > 1 ? [{ name: 'book_isbn', columns: ['isbn'], unique: true, where: 'isbn IS NOT NULL' }] : []),
    ],
  }),
  new EntitySchema({
    name: 'Genre',
    tableName: 'genre',
    columns: { code: { type: 'varchar', length: 5, primary: true }, label: { type: 'text', nullable: true } },
    relations: { books: { type: 'many-to-many', target: 'Book', inverseSide: 'genres' } },
    ...(version > 1 ? { uniques: [{ name: 'genre_label', columns: ['label'] }] } : {}),
  }),
  ...(version > 1
    ? [new EntitySchema({
        name: 'Node',
        tableName: 'node',
        columns: { id: { type: 'int', primary: true, generated: 'identity', generatedIdentity: 'ALWAYS' }, label: { type: 'text' } },
        trees: [{ type: 'materialized-path' }],
        relations: {
          parent: { type: 'many-to-one', target: 'Node', treeParent: true },
          children: { type: 'one-to-many', target: 'Node', treeChildren: true, cascade: true },
        },
      })]
    : []),
]

let source

async function connect(version) {
  source = new DataSource({
    type: 'postgres', host: config.host, port: config.port, username: config.user, database: config.database,
    entities: entities(version), uuidExtension: 'pgcrypto', installExtensions: false,
  })
  await source.initialize()
}

/** What a change of the schema would run; TypeORM finds it by reading the catalog. */
async function pending() {
  const log = await source.driver.createSchemaBuilder().log()
  print(log.upQueries.map((query) => query.query))
  print(log.downQueries.map((query) => query.query))
}

async function firstSchema() {
  await connect(1)
  await pending()
  await source.synchronize()
  await pending()
}

async function fill() {
  const authors = source.getRepository('Author')
  const [poetry, prose] = await source.getRepository('Genre').save([{ code: 'poem', label: 'Poetry' }, { code: 'prose' }])
  const ada = await authors.save({
    name: 'Ada', born: '1815-12-10', mood: 'happy', settings: { a: { b: [1, null] } }, tags: ['x', 'y"z'],
    books: [
      { title: 'Notes', price: '12.50', words: '9007199254740993', genres: [prose] },
      { title: 'Sketch', words: '10', isbn: '123', genres: [prose, poetry] },
    ],
  })
  print(ada.id, ada.version, ada.mood, ada.books.map((book) => [book.title, book.pages, book.price]))
  await authors.save(authors.create({ name: 'Grace', born: '1906-12-09', books: [{ title: 'Manual', words: 3 }] }))
  await authors.insert([{ name: 'Alan' }, { name: 'Edsger', mood: 'sad' }])
  print((await authors.count()), await source.getRepository('Book').count())
}

async function find() {
  const authors = source.getRepository('Author')
  const plain = { select: { id: true, name: true, born: true, mood: true, settings: true, tags: true, version: true } }
  print(await authors.find({ ...plain, order: { id: 'ASC' } }))
  print(await authors.find({ ...plain, where: { name: In(['Ada', 'Alan']), id: MoreThan(0) }, order: { name: 'DESC' }, take: 1, skip: 1 }))
  const deep = await authors.find({
    select: { name: true, books: { title: true, isbn: true, words: true, genres: { code: true } } },
    relations: { books: { genres: true } }, where: { books: { title: Like('%t%') } },
    order: { name: 'ASC', books: { title: 'ASC', genres: { code: 'ASC' } } },
  })
  print(deep)
  print(await authors.findAndCount({ ...plain, relations: { books: true }, order: { id: 'ASC' }, take: 2 }).then(([rows, n]) => [rows.map((row) => [row.name, row.books.length]), n]))
  print(await authors.findOneBy({ name: 'Nobody' }))
}

async function queryBuilder() {
  print(await source.getRepository('Author').createQueryBuilder('a').leftJoin('a.books', 'b').select('a.name', 'name')
    .addSelect('count(b.id)', 'books').addSelect('sum(b.price)', 'total').groupBy('a.id').having('count(b.id) < :n', { n: 5 })
    .orderBy('a.name').getRawMany())
  print(await source.createQueryBuilder().insert().into('Genre').values([{ code: 'poem', label: 'Verse' }, { code: 'new', label: 'New' }])
    .orUpdate(['label'], ['code']).returning('*').execute().then((result) => result.raw))
  print(await source.createQueryBuilder().update('Book').set({ pages: () => 'pages + 10', price: 1 }).where('title = :t', { t: 'Notes' })
    .returning(['title', 'pages', 'price', 'upper_title']).execute().then((result) => [result.affected, result.raw]))
  print(await source.createQueryBuilder().delete().from('Genre').where('code = :c', { c: 'new' }).execute())
  print(await source.getRepository('Author').createQueryBuilder('a').addCommonTableExpression('SELECT 1 AS one', 'c')
    .innerJoin('c', 'c', 'c.one = a.id').select('a.name', 'name').getRawMany())
  const exists = source.getRepository('Author').createQueryBuilder('a').where((outer) =>
    'EXISTS ' + outer.subQuery().select('1').from('Book', 'b').where('b.author_id = a.id').getQuery()).orderBy('a.id')
  print((await exists.getMany()).map((author) => author.name))
}

async function changes() {
  const authors = source.getRepository('Author')
  const ada = await authors.findOne({ where: { name: 'Ada' }, relations: { books: true } })
  ada.mood = 'sad'
  ada.settings.more = true
  await authors.save(ada)
  print(ada.version, (await authors.findOneBy({ id: ada.id })).settings)
  await authors.softDelete({ name: 'Alan' })
  print(await authors.count(), await authors.count({ withDeleted: true }))
  await authors.restore({ name: 'Alan' })
  print(await authors.increment({ name: 'Grace' }, 'version', 5), await authors.findOneBy({ name: 'Grace' }).then((one) => one.version))
  await source.getRepository('Author').createQueryBuilder().relation('books').of(ada.id).loadMany().then((books) => print(books.length))
  await source.getRepository('Book').createQueryBuilder().relation('genres').of(ada.books.find((book) => book.title === 'Notes').id).add('poem')
  print(await source.query('SELECT "genreCode", count(*) FROM book_genre GROUP BY 1 ORDER BY 1'))
}

async function upsert() {
  const genres = source.getRepository('Genre')
  print(await genres.upsert([{ code: 'poem', label: 'Again' }, { code: 'sf', label: 'Science' }], ['code']).then((result) => result.identifiers))
  print(await genres.upsert({ code: 'sf', label: 'Science' }, { conflictPaths: ['code'], skipUpdateIfNoValuesChanged: true }).then((result) => result.raw))
  print(await genres.find({ order: { code: 'ASC' } }))
}

async function transactions() {
  await source.transaction('SERIALIZABLE', async (manager) => {
    await manager.insert('Genre', { code: 'tx', label: 'Kept' })
    await manager.transaction(async (inner) => { await inner.insert('Genre', { code: 'inner' }) })
    await manager.transaction(async (inner) => { await inner.insert('Genre', { code: 'lost' }); throw new Error('undo') }).catch((error) => print(error.message))
  })
  await source.transaction(async (manager) => { await manager.delete('Genre', { code: 'tx' }); throw new Error('undo') }).catch((error) => print(error.message))
  print(await source.getRepository('Genre').find({ order: { code: 'ASC' } }))
  await source.transaction(async (manager) => {
    print(await manager.findOne('Genre', { where: { code: 'tx' }, lock: { mode: 'pessimistic_write' } }))
    print(await manager.find('Genre', { where: { code: In(['tx', 'sf']) }, order: { code: 'ASC' }, lock: { mode: 'for_no_key_update', onLocked: 'skip_locked' } }))
  })
}

async function errors() {
  await refused(source.getRepository('Author').insert({ name: 'Ada' }))
  await refused(source.getRepository('Author').insert({ name: '' }))
  await refused(source.getRepository('Author').insert({ name: 'x'.repeat(51) }))
  await refused(source.getRepository('Author').insert({ name: 'y', mood: 'angry' }))
  await refused(source.getRepository('Book').insert({ title: null, words: 1 }))
  await refused(source.query('SELECT nothing FROM author'))
}

async function secondSchema() {
  await source.destroy()
  await connect(2)
  await pending()
  await source.synchronize()
  await pending()
  print(await source.query('SELECT name, nick FROM author ORDER BY id'))
  print(await source.query('SELECT title, price, pages, trim(isbn) AS isbn, words FROM book ORDER BY title'))
}

async function tree() {
  const nodes = source.getTreeRepository('Node')
  const root = await nodes.save({ label: 'root' })
  const child = await nodes.save({ label: 'child', parent: root })
  await nodes.save({ label: 'leaf', parent: child })
  print(await nodes.findTrees())
  print(await nodes.countDescendants(root), (await nodes.findAncestors(child)).map((node) => node.label))
}

async function queryRunner() {
  const runner = source.createQueryRunner()
  try {
    await runner.createTable(new Table({
      name: 'made',
      columns: [
        { name: 'id', type: 'serial', isPrimary: true },
        { name: 'code', type: 'varchar', length: '10', isNullable: false },
        { name: 'amount', type: 'numeric', precision: 6, scale: 1, default: '1.5' },
      ],
    }))
    await runner.query("INSERT INTO made (code) VALUES ('a'), ('b')")
    await runner.addColumn('made', new TableColumn({ name: 'kind', type: 'enum', enum: ['one', 'two'], default: "'one'" }))
    await runner.changeColumn('made', 'kind', new TableColumn({ name: 'kind', type: 'enum', enum: ['one', 'two', 'three'], default: "'two'" }))
    await runner.renameColumn('made', 'code', 'label')
    await runner.changeColumn('made', 'amount', new TableColumn({ name: 'amount', type: 'numeric', precision: 9, scale: 3, isNullable: true }))
    await runner.createUniqueConstraint('made', new TableUnique({ name: 'made_label', columnNames: ['label'] }))
    await runner.createCheckConstraint('made', new TableCheck({ name: 'made_check', expression: "label <> 'no'" }))
    await runner.createIndex('made', new TableIndex({ name: 'made_amount', columnNames: ['amount', 'kind'] }))
    await runner.addColumn('made', new TableColumn({ name: 'author_id', type: 'int', isNullable: true }))
    await runner.createForeignKey('made', new TableForeignKey({ name: 'made_author', columnNames: ['author_id'], referencedTableName: 'author', referencedColumnNames: ['id'], onDelete: 'SET NULL' }))
    await refused(runner.query("INSERT INTO made (label) VALUES ('a')"))
    await refused(runner.query("INSERT INTO made (label) VALUES ('no')"))
    const table = await runner.getTable('made')
    print(table.columns.map((column) => [column.name, column.type, column.length, column.isNullable, column.default, column.enum ?? null, column.precision ?? null, column.scale ?? null]))
    print(table.indices.map((index) => [index.name, index.columnNames]), table.uniques.map((unique) => unique.name), table.checks.map((check) => check.expression),
      table.foreignKeys.map((key) => [key.name, key.columnNames, key.referencedTableName, key.onDelete]))
    await runner.dropForeignKey('made', 'made_author')
    await runner.dropColumn('made', 'author_id')
    await runner.renameTable('made', 'made_anew')
    print(await runner.query('SELECT * FROM made_anew ORDER BY id'))
    print(await runner.hasTable('made'), await runner.hasTable('made_anew'), await runner.hasColumn('made_anew', 'label'))
    await runner.clearTable('made_anew')
    print(await runner.query('SELECT count(*) FROM made_anew'))
    await runner.dropTable('made_anew')
  } catch (error) {
    printError(error)
  } finally {
    await runner.release()
  }
}

async function streaming() {
  const runner = source.createQueryRunner()
  await source.query("INSERT INTO genre (code) SELECT 'g' || n FROM generate_series(1, 300) n")
  await runner.release()
  const [rows, total] = await source.getRepository('Genre').findAndCount({ where: { code: Like('g%') }, order: { code: 'ASC' }, take: 3, skip: 290 })
  print(rows.map((row) => row.code), total)
  await source.getRepository('Genre').delete({ code: Like('g%') })
}

async function cascade() {
  await source.getRepository('Author').delete({ name: 'Ada' })
  print(await source.query('SELECT title FROM book ORDER BY 1'))
  print(await source.query('SELECT count(*) FROM book_genre'))
}

async function dropEverything() {
  await source.dropDatabase()
  print(await source.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
  await source.destroy()
}

await run([firstSchema, fill, find, queryBuilder, changes, upsert, transactions, errors, secondSchema, tree, queryRunner, streaming,
  cascade, dropEverything])
