import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.BatchUpdateException;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Time;
import java.sql.Timestamp;
import java.sql.Types;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Calendar;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TimeZone;
import java.util.TreeSet;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.PGStatement;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PGInterval;
import org.postgresql.util.PGobject;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * Uses a database by JDBC in every way, and prints what it sees, section by section. It knows nothing of a proxy:
 * test_jdbc.py runs it directly and through one, and compares. Nothing that is printed may depend on OIDs or the clock.
 */
public class Probe {
    interface Section {
        void run() throws Exception;
    }

    final Map<String, Section> sections = new LinkedHashMap<>();
    final String url;
    final Properties settings;
    Connection connection;

    Probe(String url, Properties settings) {
        this.url = url;
        this.settings = settings;
        sections.put("create", this::create);
        sections.put("tables", this::tables);
        sections.put("columns", this::columns);
        sections.put("keys", this::keys);
        sections.put("indexes", this::indexes);
        sections.put("privileges", this::privileges);
        sections.put("types_known", this::typesKnown);
        sections.put("database", this::database);
        sections.put("insert", this::insert);
        sections.put("result_metadata", this::resultMetadata);
        sections.put("parameter_metadata", this::parameterMetadata);
        sections.put("server_prepared", this::serverPrepared);
        sections.put("prepared_across_ddl", this::preparedAcrossDdl);
        sections.put("types", this::types);
        sections.put("null_of_each_type", this::nulls);
        sections.put("date_and_time", this::dateAndTime);
        sections.put("arrays", this::arrays);
        sections.put("objects", this::objects);
        sections.put("batch", this::batch);
        sections.put("batch_that_fails", this::batchThatFails);
        sections.put("batch_rewritten", this::batchRewritten);
        sections.put("generated_keys", this::generatedKeys);
        sections.put("updatable", this::updatable);
        sections.put("updatable_composite_key", this::updatableCompositeKey);
        sections.put("scrolling", this::scrolling);
        sections.put("fetch_size", this::fetchSize);
        sections.put("holdable", this::holdable);
        sections.put("max_rows", this::maxRows);
        sections.put("transactions", this::transactions);
        sections.put("savepoints", this::savepoints);
        sections.put("autosave", this::autosave);
        sections.put("isolation", this::isolation);
        sections.put("read_only", this::readOnly);
        sections.put("copy", this::copy);
        sections.put("copy_that_fails", this::copyThatFails);
        sections.put("errors", this::errors);
        sections.put("warnings", this::warnings);
        sections.put("escapes", this::escapes);
        sections.put("several_statements", this::severalStatements);
        sections.put("execute_update_counts", this::updateCounts);
        sections.put("upsert", this::upsert);
        sections.put("function_call", this::functionCall);
        sections.put("cancel", this::cancel);
        sections.put("search_path", this::searchPath);
        sections.put("change_of_shape", this::changeOfShape);
        sections.put("foreign_keys", this::foreignKeys);
        sections.put("drop", this::drop);
    }

    public static void main(String[] arguments) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("Europe/Berlin"));
        Properties settings = new Properties();
        for (String word : Arrays.asList(arguments).subList(1, arguments.length)) {
            settings.setProperty(word.substring(0, word.indexOf('=')), word.substring(word.indexOf('=') + 1));
        }
        new Probe(arguments[0], settings).run();
    }

    void run() throws Exception {
        connection = connect();
        for (Map.Entry<String, Section> section : sections.entrySet()) {
            print("== " + section.getKey());
            try {
                section.getValue().run();
            } catch (SQLException error) {
                print(error);
            }
            if (!connection.getAutoCommit()) {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        }
        connection.close();
    }

    // What is printed

    void print(String line) {
        System.out.println(line.replace("\n", "\\n"));
    }

    void print(SQLException error) {
        StringBuilder line = new StringBuilder("error " + error.getSQLState());
        ServerErrorMessage told = error instanceof PSQLException ? ((PSQLException) error).getServerErrorMessage() : null;
        if (told == null) {
            line.append(" ").append(error.getMessage());
        } else {
            Object[] fields = {told.getSeverity(), told.getMessage(), told.getDetail(), told.getHint(), told.getPosition(),
                told.getWhere(), told.getSchema(), told.getTable(), told.getColumn(), told.getDatatype(), told.getConstraint()};
            for (Object field : fields) {
                line.append(" | ").append(field);
            }
        }
        print(line.toString());
    }

    static String shown(Object value) throws SQLException {
        if (value instanceof byte[]) {
            return "bytes " + Arrays.toString((byte[]) value);
        } else if (value instanceof Array) {
            Array array = (Array) value;
            return array.getBaseTypeName() + "[] " + Arrays.deepToString((Object[]) array.getArray());
        } else if (value instanceof PGobject) {
            return ((PGobject) value).getType() + " " + value;
        }
        return value == null ? "null" : value.getClass().getSimpleName() + " " + value;
    }

    /** Every row of a result, closed afterwards; columns that hold OIDs are left out. */
    void print(ResultSet rows, String... leftOut) throws SQLException {
        ResultSetMetaData meta = rows.getMetaData();
        while (rows.next()) {
            StringBuilder line = new StringBuilder();
            for (int column = 1; column <= meta.getColumnCount(); column++) {
                String label = meta.getColumnLabel(column);
                if (!Arrays.asList(leftOut).contains(label)) {
                    line.append(line.length() == 0 ? "" : " | ").append(label).append("=").append(shown(rows.getObject(column)));
                }
            }
            print(line.toString());
        }
        rows.close();
    }

    void query(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            print(statement.executeQuery(sql));
        }
    }

    void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    void refused(String sql) {
        try {
            execute(sql);
            print("not refused: " + sql);
        } catch (SQLException error) {
            print(error);
        }
    }

    Connection connect(String... more) throws SQLException {
        Properties all = new Properties();
        all.putAll(settings);
        for (int at = 0; at < more.length; at += 2) {
            all.setProperty(more[at], more[at + 1]);
        }
        return DriverManager.getConnection(url, all);
    }

    // Sections

    void create() throws SQLException {
        execute("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')");
        execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)");
        execute("CREATE SCHEMA other");
        execute("""
            CREATE TABLE people (
                id serial PRIMARY KEY,
                name varchar(40) NOT NULL,
                email text UNIQUE,
                born date,
                height numeric(5, 2) CHECK (height > 0),
                "Mixed Case" text DEFAULT 'it''s',
                feeling mood DEFAULT 'ok',
                age positive,
                initials char(3),
                upper_name text GENERATED ALWAYS AS (upper(name)) STORED
            )""");
        execute("COMMENT ON TABLE people IS 'Those who count'");
        execute("COMMENT ON COLUMN people.born IS 'A day'");
        execute("CREATE INDEX people_born ON people (born DESC, name)");
        execute("CREATE INDEX people_lower ON people (lower(name)) WHERE height > 1");
        execute("""
            CREATE TABLE orders (
                person int NOT NULL REFERENCES people (id) ON DELETE CASCADE ON UPDATE SET NULL,
                number int NOT NULL,
                placed timestamptz DEFAULT now(),
                PRIMARY KEY (person, number)
            )""");
        execute("""
            CREATE TABLE other.lines (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                person int,
                number int,
                CONSTRAINT line_of_order FOREIGN KEY (person, number) REFERENCES public.orders (person, number)
                    DEFERRABLE INITIALLY DEFERRED
            )""");
        execute("CREATE VIEW adults AS SELECT id, name FROM people WHERE age >= 18");
        execute("CREATE TABLE keyless (a int, b text)");
        execute("""
            CREATE TABLE kinds (
                id int PRIMARY KEY, b boolean, i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision,
                n numeric, n2 numeric(10, 2), m money, t text, v varchar(10), c char(5), nm name, by bytea, d date,
                tm time, tmz time with time zone, ts timestamp, tsz timestamptz, iv interval, u uuid, j json, jb jsonb,
                bt bit(3), vb varbit, ip inet, ci cidr, mac macaddr, p point, bx box, ir int4range,
                ia int[], ta text[], tsa timestamp[], md mood, o oid
            )""");
        print("created");
    }

    void tables() throws SQLException {
        DatabaseMetaData meta = connection.getMetaData();
        for (String schema : new String[] {"public", "other"}) {
            print(meta.getTables(null, schema, "%", null));
        }
        print(meta.getTables(null, null, "people", new String[] {"TABLE"}));
        print(meta.getTables(null, "public", "%", new String[] {"VIEW", "SEQUENCE", "INDEX", "TYPE"}));
    }

    void columns() throws SQLException {
        DatabaseMetaData meta = connection.getMetaData();
        print(meta.getColumns(null, "public", "%", "%"));
        print(meta.getColumns(null, "other", "lines", null));
        print(meta.getColumns(null, null, "people", "Mixed%"));
    }

    void keys() throws SQLException {
        DatabaseMetaData meta = connection.getMetaData();
        for (String table : new String[] {"people", "orders", "keyless"}) {
            print(meta.getPrimaryKeys(null, "public", table));
            print(meta.getImportedKeys(null, "public", table));
            print(meta.getExportedKeys(null, "public", table));
            for (int scope : new int[] {DatabaseMetaData.bestRowTemporary, DatabaseMetaData.bestRowSession}) {
                print(meta.getBestRowIdentifier(null, "public", table, scope, true));
            }
            print(meta.getVersionColumns(null, "public", table));
        }
        print(meta.getCrossReference(null, "public", "orders", null, "other", "lines"));
    }

    void indexes() throws SQLException {
        DatabaseMetaData meta = connection.getMetaData();
        for (String table : new String[] {"people", "orders", "keyless"}) {
            print(meta.getIndexInfo(null, "public", table, false, true), "CARDINALITY", "PAGES");
            print(meta.getIndexInfo(null, "public", table, true, false), "CARDINALITY", "PAGES");
        }
    }

    void privileges() throws SQLException {
        DatabaseMetaData meta = connection.getMetaData();
        execute("GRANT SELECT ON people TO PUBLIC");
        print(meta.getTablePrivileges(null, "public", "%"));
        print(meta.getColumnPrivileges(null, "public", "people", "%"));
    }

    void typesKnown() throws SQLException {
        DatabaseMetaData meta = connection.getMetaData();
        TreeSet<String> names = new TreeSet<>();
        TreeSet<String> ofKameleon = new TreeSet<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT viewname FROM pg_views WHERE schemaname = 'kameleon'"
                    + " UNION SELECT tablename FROM pg_tables WHERE schemaname = 'kameleon'")) {
            while (rows.next()) {
                ofKameleon.add(rows.getString(1));
                ofKameleon.add("_" + rows.getString(1));
            }
        }
        try (ResultSet rows = meta.getTypeInfo()) {
            while (rows.next()) {
                if (!ofKameleon.contains(rows.getString("TYPE_NAME"))) {
                    names.add(rows.getString("TYPE_NAME") + " " + rows.getInt("DATA_TYPE") + " " + rows.getInt("PRECISION"));
                }
            }
        }
        print(names.toString());
        print(meta.getUDTs(null, "public", "%", null));
        print(meta.getTableTypes());
    }

    void database() throws SQLException {
        DatabaseMetaData meta = connection.getMetaData();
        print(meta.getDatabaseProductName() + " " + meta.getDatabaseProductVersion() + " " + meta.getDriverVersion());
        print(meta.getSQLKeywords());
        print(meta.getMaxColumnNameLength() + " " + meta.getMaxIndexLength() + " " + meta.getDefaultTransactionIsolation());
        print(connection.getSchema() + " " + connection.isValid(5) + " " + connection.getClientInfo());
        print(((PGConnection) connection).getParameterStatuses().keySet().stream().sorted().toList().toString());
        try (ResultSet rows = meta.getSchemas()) {
            while (rows.next()) {
                if (!rows.getString(1).equals("kameleon")) {
                    print("schema " + rows.getString(1));
                }
            }
        }
        print(meta.getFunctions(null, "public", "%"));
        print(meta.getProcedures(null, "public", "%"));
    }

    void insert() throws SQLException {
        String sql = "INSERT INTO people (name, email, born, height, feeling, age, initials) VALUES (?, ?, ?, ?, ?::mood, ?, ?)";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int n = 1; n <= 9; n++) {
                statement.setString(1, "Person " + n);
                statement.setString(2, n % 3 == 0 ? null : "p" + n + "@example.org");
                statement.setObject(3, LocalDate.of(1990, n, n));
                statement.setBigDecimal(4, new BigDecimal("1.5" + n));
                statement.setString(5, n % 2 == 0 ? "happy" : "sad");
                statement.setInt(6, 10 + n);
                statement.setString(7, "P" + n);
                print("inserted " + statement.executeUpdate());
            }
        }
        query("SELECT * FROM people ORDER BY id");
        query("SELECT feeling, count(*), avg(height), max(\"Mixed Case\") FROM people GROUP BY feeling ORDER BY 1");
        query("SELECT p, p.id FROM people p WHERE id < 3 ORDER BY id");
        query("SELECT * FROM adults ORDER BY id");
        query("SELECT a.name, b.name FROM people a LEFT JOIN people b ON b.id = a.id + 1 AND b.feeling = 'sad' ORDER BY a.id");
    }

    void resultMetadata() throws SQLException {
        String sql = "SELECT p.id, p.name AS alias, p.*, p.height + 1 AS sum, adults.name FROM people p JOIN adults USING (id)";
        for (String text : new String[] {sql, "SELECT * FROM kinds", "SELECT max(id), 'x' FROM people"}) {
            try (PreparedStatement statement = connection.prepareStatement(text)) {
                print(statement.getMetaData());
                try (ResultSet rows = statement.executeQuery()) {
                    print(rows.getMetaData());
                }
            }
        }
    }

    void print(ResultSetMetaData meta) throws SQLException {
        if (meta == null) {
            print("no metadata");
            return;
        }
        for (int column = 1; column <= meta.getColumnCount(); column++) {
            print(String.join(" ", meta.getColumnLabel(column), meta.getColumnName(column), meta.getColumnTypeName(column),
                meta.getColumnClassName(column), meta.getSchemaName(column), meta.getTableName(column),
                "" + meta.getColumnType(column), "" + meta.getPrecision(column), "" + meta.getScale(column),
                "" + meta.getColumnDisplaySize(column), "" + meta.isNullable(column), "" + meta.isAutoIncrement(column),
                "" + meta.isSigned(column), "" + meta.isCurrency(column), "" + meta.isCaseSensitive(column)));
        }
    }

    void parameterMetadata() throws SQLException {
        String[] texts = {
            "INSERT INTO people (name, height, feeling, age, born) VALUES (?, ?, ?, ?, ?)",
            "UPDATE people SET height = ?, initials = ? WHERE id = ? AND lower(name) = ?",
            "SELECT * FROM people WHERE born BETWEEN ? AND ? OR id = ANY (?)",
            "DELETE FROM orders WHERE (person, number) = (?, ?)",
        };
        for (String text : texts) {
            try (PreparedStatement statement = connection.prepareStatement(text)) {
                ParameterMetaData meta = statement.getParameterMetaData();
                for (int at = 1; at <= meta.getParameterCount(); at++) {
                    print(at + " " + meta.getParameterTypeName(at) + " " + meta.getParameterType(at) + " " + meta.getParameterClassName(at));
                }
            }
        }
    }

    void serverPrepared() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("SELECT name, height FROM people WHERE id = ?")) {
            statement.unwrap(PGStatement.class).setPrepareThreshold(3);
            for (int n = 1; n <= 8; n++) {
                statement.setInt(1, n);
                print(n + " on the server: " + statement.unwrap(PGStatement.class).isUseServerPrepare());
                print(statement.executeQuery());
            }
        }
        try (PreparedStatement statement = connection.prepareStatement("UPDATE people SET height = height + ? WHERE id < ?")) {
            statement.unwrap(PGStatement.class).setPrepareThreshold(2);
            for (int n = 1; n <= 5; n++) {
                statement.setBigDecimal(1, new BigDecimal("0.01"));
                statement.setInt(2, n);
                print("updated " + statement.executeUpdate());
            }
        }
        query("SELECT id, height FROM people ORDER BY id");
    }

    void preparedAcrossDdl() throws SQLException {
        execute("CREATE TABLE shifting (id int PRIMARY KEY, v text)");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO shifting (id, v) VALUES (?, ?)");
                PreparedStatement select = connection.prepareStatement("SELECT id, v FROM shifting WHERE id = ?")) {
            for (int n = 1; n <= 20; n++) {
                insert.setInt(1, n);
                insert.setString(2, "v" + n);
                insert.executeUpdate();
                select.setInt(1, n);
                print(select.executeQuery());
                switch (n) {
                    case 7 -> execute("ALTER TABLE shifting ADD COLUMN w int DEFAULT 5");
                    case 11 -> execute("ALTER TABLE shifting ADD CONSTRAINT short CHECK (length(v) < 9)");
                    case 14 -> execute("ALTER TABLE shifting ALTER COLUMN v TYPE varchar(30)");
                    case 17 -> execute("CREATE INDEX shifting_v ON shifting (v)");
                    default -> { }
                }
            }
        } finally {
            query("SELECT * FROM shifting ORDER BY id");
            execute("DROP TABLE shifting");
        }
    }

    void types() throws Exception {
        String sql = "INSERT INTO kinds VALUES (" + "?, ".repeat(36) + "?)";
        try (PreparedStatement s = connection.prepareStatement(sql)) {
            for (int n = 1; n <= 7; n++) {
                int at = 1;
                s.setInt(at++, n);
                s.setBoolean(at++, n % 2 == 0);
                s.setShort(at++, (short) -n);
                s.setInt(at++, Integer.MAX_VALUE - n);
                s.setLong(at++, Long.MIN_VALUE + n);
                s.setFloat(at++, n == 1 ? Float.NaN : 1.25f * n);
                s.setDouble(at++, n == 2 ? Double.NEGATIVE_INFINITY : 1e300 / n);
                s.setBigDecimal(at++, new BigDecimal("123456789012345678901234567890.00" + n));
                s.setBigDecimal(at++, new BigDecimal("3.14159"));
                s.setObject(at++, "12.34", Types.OTHER);
                s.setString(at++, "Grüße 🐘 \\ ' \" $1 ? " + n);
                s.setString(at++, "short");
                s.setString(at++, "pad");
                s.setString(at++, "a_name");
                s.setBytes(at++, new byte[] {0, 1, (byte) 255, '\\', (byte) n});
                s.setDate(at++, Date.valueOf("2024-02-29"));
                s.setTime(at++, Time.valueOf("23:59:58"));
                s.setObject(at++, "12:34:56+02", Types.OTHER);
                s.setTimestamp(at++, Timestamp.valueOf("2024-03-31 02:30:00.123456"));
                s.setObject(at++, OffsetDateTime.of(2024, 10, 27, 2, 30, 0, 0, ZoneOffset.ofHours(n)));
                s.setObject(at++, new PGInterval(1, 2, 3, 4, 5, 6.5));
                s.setObject(at++, new UUID(n, n));
                s.setObject(at++, "{\"a\":  " + n + "}", Types.OTHER);
                s.setObject(at++, "{\"b\": [1, null, \"x\"]}", Types.OTHER);
                s.setObject(at++, "101", Types.OTHER);
                s.setObject(at++, "11110", Types.OTHER);
                s.setObject(at++, "192.168.0.1/24", Types.OTHER);
                s.setObject(at++, "10.0.0.0/8", Types.OTHER);
                s.setObject(at++, "08:00:2b:01:02:03", Types.OTHER);
                s.setObject(at++, new org.postgresql.geometric.PGpoint(1.5, -n));
                s.setObject(at++, new org.postgresql.geometric.PGbox(0, 0, n, n));
                s.setObject(at++, "[1," + (n + 1) + ")", Types.OTHER);
                s.setArray(at++, connection.createArrayOf("int4", new Object[] {1, null, n}));
                s.setArray(at++, connection.createArrayOf("text", new Object[] {"a,b", "\"q\"", null, "", "NULL"}));
                s.setArray(at++, connection.createArrayOf("timestamp", new Object[] {Timestamp.valueOf("2024-01-01 00:00:00")}));
                s.setObject(at++, "happy", Types.OTHER);
                s.setLong(at++, 42L);
                s.executeUpdate();
            }
        }
        // The driver asks for binary results from its fifth execution on.
        try (PreparedStatement s = connection.prepareStatement("SELECT * FROM kinds WHERE id = ?")) {
            for (int n = 1; n <= 7; n++) {
                s.setInt(1, n);
                print(s.executeQuery());
            }
        }
    }

    void nulls() throws SQLException {
        execute("INSERT INTO kinds (id) VALUES (100)");
        query("SELECT * FROM kinds WHERE id = 100");
        String[] names;
        try (Statement s = connection.createStatement(); ResultSet rows = s.executeQuery("SELECT * FROM kinds WHERE id = 1")) {
            ResultSetMetaData meta = rows.getMetaData();
            names = new String[meta.getColumnCount()];
            for (int at = 0; at < names.length; at++) {
                names[at] = meta.getColumnName(at + 1);
            }
        }
        for (String name : names) {
            if (!name.equals("id")) {
                try (PreparedStatement s = connection.prepareStatement("UPDATE kinds SET " + name + " = ? WHERE id = 3")) {
                    s.setNull(1, Types.OTHER);
                    print(name + " " + s.executeUpdate());
                }
            }
        }
        query("SELECT * FROM kinds WHERE id = 3");
    }

    void dateAndTime() throws SQLException {
        execute("CREATE TABLE times (id int PRIMARY KEY, d date, t time(3), tz timetz, ts timestamp(0), tsz timestamptz)");
        try (PreparedStatement s = connection.prepareStatement("INSERT INTO times VALUES (?, ?, ?, ?, ?, ?)")) {
            Object[][] rows = {
                {LocalDate.of(1, 1, 1), LocalTime.of(0, 0), LocalTime.of(1, 2, 3), LocalDateTime.of(1582, 10, 10, 1, 2, 3, 999_999_000), OffsetDateTime.of(1900, 1, 1, 0, 0, 0, 0, ZoneOffset.UTC)},
                {LocalDate.MAX, LocalTime.of(12, 30, 1, 123_456_000), LocalTime.NOON, LocalDateTime.MAX, OffsetDateTime.MAX},
                {LocalDate.MIN, LocalTime.of(23, 59, 59), LocalTime.MIN, LocalDateTime.MIN, OffsetDateTime.MIN},
                {LocalDate.of(-44, 3, 15), null, null, LocalDateTime.of(-44, 3, 15, 12, 0), OffsetDateTime.of(2024, 2, 29, 12, 0, 0, 1000, ZoneOffset.ofHoursMinutes(5, 30))},
            };
            for (int n = 0; n < rows.length; n++) {
                s.setInt(1, n);
                for (int at = 0; at < rows[n].length; at++) {
                    s.setObject(at + 2, rows[n][at]);
                }
                s.executeUpdate();
            }
        }
        try (PreparedStatement s = connection.prepareStatement("SELECT * FROM times ORDER BY id")) {
            for (int n = 0; n < 7; n++) {
                try (ResultSet rows = s.executeQuery()) {
                    while (n % 6 == 0 && rows.next()) {
                        print(rows.getObject(2, LocalDate.class) + " " + rows.getObject(3, LocalTime.class) + " " + rows.getString(4) + " "
                            + rows.getObject(5, LocalDateTime.class) + " " + rows.getObject(6, OffsetDateTime.class) + " " + rows.getString(6)
                            + " " + rows.getTimestamp(5, Calendar.getInstance(TimeZone.getTimeZone("Asia/Tokyo"))));
                    }
                }
            }
        }
        execute("SET TIME ZONE 'America/New_York'");
        query("SELECT id, tsz::text, d::text, ts::text FROM times ORDER BY id");
        execute("SET TIME ZONE 'Europe/Berlin'");
        execute("DROP TABLE times");
    }

    void arrays() throws SQLException {
        execute("CREATE TABLE lists (id int PRIMARY KEY, i int[], t text[][], n numeric[], b bytea[], m mood[], u uuid[], f float8[])");
        try (PreparedStatement s = connection.prepareStatement("INSERT INTO lists VALUES (?, ?, ?, ?, ?, ?, ?, ?)")) {
            for (int n = 1; n <= 6; n++) {
                s.setInt(1, n);
                s.setObject(2, new int[] {n, -n});
                s.setArray(3, connection.createArrayOf("text", new String[][] {{"a", null}, {"{", "x y"}}));
                s.setArray(4, connection.createArrayOf("numeric", new BigDecimal[] {new BigDecimal("1.50"), null}));
                s.setArray(5, connection.createArrayOf("bytea", new byte[][] {{1, 2}, {}}));
                s.setArray(6, connection.createArrayOf("mood", new String[] {"sad", "happy"}));
                s.setArray(7, connection.createArrayOf("uuid", new UUID[] {new UUID(1, n)}));
                s.setObject(8, new double[] {1.5, Double.NaN});
                print("inserted " + s.executeUpdate());
            }
        }
        query("SELECT * FROM lists ORDER BY id");
        try (PreparedStatement s = connection.prepareStatement("SELECT id FROM lists WHERE id = ANY (?) AND ? = ANY (i) ORDER BY id")) {
            s.setArray(1, connection.createArrayOf("int4", new Object[] {1, 3, 5}));
            s.setInt(2, -3);
            print(s.executeQuery());
        }
        query("SELECT id, unnest(i), array_length(t, 1), t[2:2], i[1] FROM lists WHERE id <= 2 ORDER BY 1, 2");
        query("SELECT array_agg(id ORDER BY id DESC), array_agg(m ORDER BY id) FROM lists");
        execute("DROP TABLE lists");
    }

    void objects() throws SQLException {
        execute("CREATE TABLE things (id int PRIMARY KEY, j jsonb, r numrange, e mood)");
        try (PreparedStatement s = connection.prepareStatement("INSERT INTO things VALUES (?, ?, ?, ?)")) {
            PGobject json = new PGobject();
            json.setType("jsonb");
            json.setValue("{\"k\": \"v?\", \"n\": 1}");
            s.setInt(1, 1);
            s.setObject(2, json);
            s.setObject(3, "[1.5,)", Types.OTHER);
            s.setObject(4, "sad", Types.OTHER);
            s.executeUpdate();
        }
        query("SELECT * FROM things");
        query("SELECT id FROM things WHERE j ?? 'k' AND j @> '{\"n\": 1}' AND j ->> 'k' = 'v?' AND r @> 2::numeric AND e < 'happy'");
        try (PreparedStatement s = connection.prepareStatement("SELECT j ->> ? FROM things WHERE j ?? ?")) {
            s.setString(1, "k");
            s.setString(2, "n");
            print(s.executeQuery());
        }
        execute("DROP TABLE things");
    }

    void batch() throws SQLException {
        try (PreparedStatement s = connection.prepareStatement("INSERT INTO keyless VALUES (?, ?)")) {
            for (int n = 0; n < 300; n++) {
                s.setInt(1, n);
                s.setString(2, n % 7 == 0 ? null : "row " + n);
                s.addBatch();
            }
            print("batch " + Arrays.stream(s.executeBatch()).sum());
        }
        try (Statement s = connection.createStatement()) {
            s.addBatch("UPDATE keyless SET b = 'none' WHERE b IS NULL");
            s.addBatch("DELETE FROM keyless WHERE a >= 290");
            s.addBatch("INSERT INTO keyless SELECT 1000 + a, b FROM keyless WHERE a < 5");
            s.addBatch("CREATE TABLE made_in_batch (x int)");
            s.addBatch("INSERT INTO made_in_batch VALUES (1), (2)");
            s.addBatch("UPDATE made_in_batch SET x = x + 1");
            s.addBatch("DROP TABLE made_in_batch");
            print(Arrays.toString(s.executeBatch()));
        }
        query("SELECT count(*), count(b), sum(a) FROM keyless");
        connection.setAutoCommit(false);
        try (PreparedStatement s = connection.prepareStatement("UPDATE keyless SET b = ? WHERE a = ?")) {
            for (int n = 0; n < 20; n++) {
                s.setString(1, "again");
                s.setInt(2, n * 2);
                s.addBatch();
            }
            print(Arrays.toString(s.executeBatch()));
        }
        connection.rollback();
        connection.setAutoCommit(true);
        query("SELECT count(*) FROM keyless WHERE b = 'again'");
    }

    void batchThatFails() throws SQLException {
        execute("CREATE TABLE strict (id int PRIMARY KEY, v int NOT NULL)");
        for (boolean autoCommit : new boolean[] {true, false}) {
            connection.setAutoCommit(autoCommit);
            try (PreparedStatement s = connection.prepareStatement("INSERT INTO strict VALUES (?, ?)")) {
                for (int n : new int[] {1, 2, 2, 3}) {
                    s.setInt(1, n);
                    s.setInt(2, n);
                    s.addBatch();
                }
                s.executeBatch();
            } catch (BatchUpdateException error) {
                print(Arrays.toString(error.getUpdateCounts()));
                print((SQLException) error.getCause());
            }
            if (!autoCommit) {
                connection.rollback();
            }
        }
        connection.setAutoCommit(true);
        query("SELECT * FROM strict ORDER BY id");
        execute("DROP TABLE strict");
    }

    void batchRewritten() throws SQLException {
        execute("CREATE TABLE multi (id serial PRIMARY KEY, v text, n numeric DEFAULT 1.5)");
        try (Connection own = connect("reWriteBatchedInserts", "true");
                PreparedStatement s = own.prepareStatement("INSERT INTO multi (v) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
            for (int n = 0; n < 200; n++) {
                s.setString(1, "v" + n);
                s.addBatch();
            }
            print("rewritten " + s.executeBatch().length);
            try (ResultSet keys = s.getGeneratedKeys()) {
                int count = 0;
                while (keys.next()) {
                    count++;
                }
                print("keys " + count);
            }
        }
        query("SELECT count(*), min(id), max(id), sum(n), max(v) FROM multi");
        execute("DROP TABLE multi");
    }

    void generatedKeys() throws SQLException {
        String sql = "INSERT INTO people (name, born) VALUES (?, '2000-01-01')";
        try (PreparedStatement s = connection.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
            s.setString(1, "Keyed");
            print("inserted " + s.executeUpdate());
            print(s.getGeneratedKeys());
        }
        try (PreparedStatement s = connection.prepareStatement(sql, new String[] {"id", "upper_name", "Mixed Case"})) {
            for (int n = 0; n < 3; n++) {
                s.setString(1, "Batch key " + n);
                s.addBatch();
            }
            print(Arrays.toString(s.executeBatch()));
            print(s.getGeneratedKeys());
        }
        try (Statement s = connection.createStatement()) {
            s.executeUpdate("UPDATE people SET height = 2 WHERE name LIKE 'Batch%'", new String[] {"id", "height"});
            print(s.getGeneratedKeys());
            s.executeUpdate("DELETE FROM people WHERE born = '2000-01-01'", Statement.RETURN_GENERATED_KEYS);
            print(s.getGeneratedKeys());
            s.executeUpdate("INSERT INTO other.lines DEFAULT VALUES", new String[] {"id"});
            print(s.getGeneratedKeys());
            s.executeUpdate("DELETE FROM other.lines");
        }
    }

    void updatable() throws SQLException {
        try (Statement s = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
                ResultSet rows = s.executeQuery("SELECT * FROM people ORDER BY id")) {
            print("concurrency " + rows.getConcurrency());
            rows.next();
            rows.updateString("name", "Renamed");
            rows.updateBigDecimal("height", new BigDecimal("1.99"));
            rows.updateRow();
            rows.refreshRow();
            print(rows.getString("name") + " " + rows.getString("upper_name") + " " + rows.getBigDecimal("height"));
            rows.last();
            rows.updateNull("email");
            rows.updateDate("born", Date.valueOf("1970-01-01"));
            rows.updateRow();
            rows.previous();
            rows.deleteRow();
            rows.moveToInsertRow();
            rows.updateInt("id", 500);
            rows.updateString("name", "Inserted");
            rows.updateString("Mixed Case", "mixed");
            rows.insertRow();
            rows.moveToCurrentRow();
            rows.updateString("name", "x".repeat(41));
            try {
                rows.updateRow();
            } catch (SQLException error) {
                print(error);
            }
        }
        query("SELECT id, name, email, born, height, \"Mixed Case\", upper_name FROM people ORDER BY id");
    }

    void updatableCompositeKey() throws SQLException {
        execute("INSERT INTO orders VALUES (1, 1, '2024-01-01Z'), (1, 2, '2024-01-02Z'), (2, 1, NULL)");
        try (Statement s = connection.createStatement(ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_UPDATABLE);
                ResultSet rows = s.executeQuery("SELECT person, number, placed FROM orders WHERE person = 1 ORDER BY number")) {
            while (rows.next()) {
                rows.updateTimestamp("placed", Timestamp.valueOf("2030-05-06 07:08:09"));
                rows.updateRow();
            }
        }
        query("SELECT * FROM orders ORDER BY 1, 2");
        try (Statement s = connection.createStatement(ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_UPDATABLE);
                ResultSet rows = s.executeQuery("SELECT a, b FROM keyless WHERE a = 1")) {
            rows.next();
            rows.updateString("b", "no key");
            rows.updateRow();
        }
    }

    void scrolling() throws SQLException {
        try (PreparedStatement s = connection.prepareStatement("SELECT a FROM keyless WHERE a < 50 ORDER BY a",
                ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY); ResultSet rows = s.executeQuery()) {
            rows.absolute(10);
            print("at " + rows.getRow() + " " + rows.getInt(1));
            rows.relative(-3);
            print("at " + rows.getRow() + " " + rows.getInt(1));
            print(rows.last() + " " + rows.getRow() + " " + rows.isLast());
            rows.beforeFirst();
            print("" + rows.isBeforeFirst());
        }
    }

    void fetchSize() throws SQLException {
        connection.setAutoCommit(false);
        for (int size : new int[] {1, 7, 100, 1000}) {
            try (PreparedStatement s = connection.prepareStatement("SELECT a, b FROM keyless WHERE a > ? ORDER BY a, b")) {
                s.setFetchSize(size);
                s.setInt(1, 10);
                long sum = 0;
                int count = 0;
                try (ResultSet rows = s.executeQuery()) {
                    while (rows.next()) {
                        sum += rows.getInt(1);
                        if (++count == 20) {
                            // Another statement while the portal is open.
                            execute("UPDATE keyless SET b = 'seen' WHERE a = 280");
                        }
                    }
                }
                print("fetch " + size + ": " + count + " " + sum);
            }
        }
        connection.rollback();
        connection.setAutoCommit(true);
    }

    void holdable() throws SQLException {
        connection.setAutoCommit(false);
        try (Statement s = connection.createStatement(ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY, ResultSet.HOLD_CURSORS_OVER_COMMIT)) {
            s.setFetchSize(5);
            ResultSet rows = s.executeQuery("SELECT a FROM keyless WHERE a < 30 ORDER BY a");
            int sum = 0;
            rows.next();
            connection.commit();
            do {
                sum += rows.getInt(1);
            } while (rows.next());
            print("held " + sum);
        }
        execute("DECLARE named CURSOR WITH HOLD FOR SELECT a, b FROM keyless WHERE a < 9 ORDER BY a");
        query("FETCH 3 FROM named");
        connection.commit();
        query("FETCH ALL FROM named");
        execute("CLOSE named");
        connection.setAutoCommit(true);
    }

    void maxRows() throws SQLException {
        try (Statement s = connection.createStatement()) {
            s.setMaxRows(3);
            print(s.executeQuery("SELECT a FROM keyless ORDER BY a"));
            s.setMaxRows(2);
            print(s.executeQuery("SELECT a FROM keyless ORDER BY a DESC"));
        }
    }

    void transactions() throws SQLException {
        connection.setAutoCommit(false);
        execute("INSERT INTO keyless VALUES (-1, 'pending')");
        try (Connection own = connect(); Statement s = own.createStatement()) {
            print(s.executeQuery("SELECT count(*) FROM keyless WHERE a = -1"));
            connection.commit();
            print(s.executeQuery("SELECT count(*) FROM keyless WHERE a = -1"));
        }
        execute("DELETE FROM keyless WHERE a = -1");
        connection.rollback();
        query("SELECT * FROM keyless WHERE a = -1");
        refused("INSERT INTO keyless VALUES ('x')");
        refused("SELECT 1");
        connection.rollback();
        execute("CREATE TABLE rolled_back (id int)");
        execute("INSERT INTO rolled_back VALUES (1)");
        query("SELECT * FROM rolled_back");
        connection.rollback();
        refused("SELECT * FROM rolled_back");
        connection.rollback();
        connection.setAutoCommit(true);
    }

    void savepoints() throws SQLException {
        connection.setAutoCommit(false);
        execute("INSERT INTO keyless VALUES (-2, 'first')");
        Savepoint one = connection.setSavepoint("one");
        execute("UPDATE keyless SET b = 'second' WHERE a = -2");
        Savepoint two = connection.setSavepoint();
        refused("INSERT INTO people (name) VALUES (NULL)");
        connection.rollback(two);
        query("SELECT b FROM keyless WHERE a = -2");
        connection.rollback(one);
        query("SELECT b FROM keyless WHERE a = -2");
        connection.releaseSavepoint(one);
        execute("ALTER TABLE keyless ADD COLUMN c int DEFAULT 3");
        Savepoint three = connection.setSavepoint("three");
        execute("ALTER TABLE keyless DROP COLUMN b");
        query("SELECT * FROM keyless WHERE a = -2");
        connection.rollback(three);
        query("SELECT * FROM keyless WHERE a = -2");
        connection.rollback();
        connection.setAutoCommit(true);
        query("SELECT * FROM keyless WHERE a < 0");
    }

    void autosave() throws SQLException {
        try (Connection own = connect("autosave", "always"); Statement s = own.createStatement()) {
            own.setAutoCommit(false);
            s.executeUpdate("INSERT INTO keyless VALUES (-3, 'kept')");
            try {
                s.executeUpdate("INSERT INTO people (name, height) VALUES ('small', -1)");
            } catch (SQLException error) {
                print(error);
            }
            print(s.executeQuery("SELECT * FROM keyless WHERE a = -3"));
            own.rollback();
        }
    }

    void isolation() throws SQLException {
        for (int level : new int[] {Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_SERIALIZABLE}) {
            try (Connection own = connect(); Statement s = own.createStatement()) {
                own.setTransactionIsolation(level);
                own.setAutoCommit(false);
                print(s.executeQuery("SELECT count(*) FROM keyless WHERE b = 'during'"));
                execute("INSERT INTO keyless VALUES (0, 'during')");
                print(s.executeQuery("SELECT count(*) FROM keyless WHERE b = 'during'"));
                execute("UPDATE keyless SET b = 'changed' WHERE a = 3");
                try {
                    s.executeUpdate("UPDATE keyless SET b = 'mine' WHERE a = 3");
                } catch (SQLException error) {
                    print(error);
                }
                own.rollback();
            }
            execute("DELETE FROM keyless WHERE b = 'during'");
        }
    }

    void readOnly() throws SQLException {
        connection.setReadOnly(true);
        connection.setAutoCommit(false);
        query("SELECT count(*) FROM people");
        refused("INSERT INTO keyless VALUES (1, 'x')");
        connection.rollback();
        connection.setAutoCommit(true);
        connection.setReadOnly(false);
    }

    void copy() throws Exception {
        CopyManager copies = connection.unwrap(PGConnection.class).getCopyAPI();
        print("in " + copies.copyIn("COPY keyless FROM STDIN", new StringReader("2001\tone\n2002\t\\N\n2003\tta\\tb\n")));
        print("in " + copies.copyIn("COPY keyless (b, a) FROM STDIN (FORMAT csv, HEADER)", new StringReader("b,a\n\"x,\"\"y\",2004\n,2005\n")));
        StringWriter text = new StringWriter();
        print("out " + copies.copyOut("COPY (SELECT * FROM keyless WHERE a > 2000 ORDER BY a) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)", text));
        print(text.toString());
        ByteArrayOutputStream binary = new ByteArrayOutputStream();
        print("out " + copies.copyOut("COPY (SELECT * FROM keyless WHERE a > 2000 ORDER BY a) TO STDOUT (FORMAT binary)", binary));
        print(Arrays.toString(binary.toByteArray()));
        execute("DELETE FROM keyless WHERE a > 2000");
        print("in " + copies.copyIn("COPY keyless FROM STDIN (FORMAT binary)", new ByteArrayInputStream(binary.toByteArray())));
        StringBuilder many = new StringBuilder();
        for (int n = 0; n < 20000; n++) {
            many.append(3000 + n).append("\tmany\n");
        }
        print("in " + copies.copyIn("COPY keyless FROM STDIN", new ByteArrayInputStream(many.toString().getBytes(StandardCharsets.UTF_8))));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        print("out " + copies.copyOut("COPY keyless TO STDOUT", out));
        query("SELECT count(*), sum(a) FROM keyless WHERE a > 2000");
        execute("DELETE FROM keyless WHERE a > 2000");
    }

    void copyThatFails() throws Exception {
        CopyManager copies = connection.unwrap(PGConnection.class).getCopyAPI();
        String[][] wrong = {
            {"COPY keyless FROM STDIN", "1\t2\t3\n"},
            {"COPY keyless FROM STDIN", "5\tx\nbad\ty\n"},
            {"COPY people (name, height) FROM STDIN", "x\t-1\n"},
            {"COPY people (id, name) FROM STDIN", "1\ttwice\n"},
            {"COPY people (email) FROM STDIN", "x\n"},
            {"COPY nowhere FROM STDIN", ""},
        };
        for (String[] each : wrong) {
            try {
                print("in " + copies.copyIn(each[0], new StringReader(each[1])));
            } catch (SQLException error) {
                print(error);
            }
        }
        query("SELECT count(*) FROM keyless WHERE a = 5");
    }

    void errors() throws SQLException {
        String[] wrong = {
            "INSERT INTO people (id, name) VALUES (1, 'again')",
            "INSERT INTO people (name, email) VALUES ('x', 'p1@example.org')",
            "INSERT INTO people (email) VALUES ('x')",
            "INSERT INTO people (name, height) VALUES ('x', 0)",
            "INSERT INTO people (name, height) VALUES ('x', 1000)",
            "INSERT INTO people (name, age) VALUES ('x', -5)",
            "INSERT INTO people (name, feeling) VALUES ('x', 'bored')",
            "INSERT INTO people (name, upper_name) VALUES ('x', 'X')",
            "INSERT INTO people (name) VALUES (repeat('x', 41))",
            "INSERT INTO other.lines (id) VALUES (1)",
            "UPDATE people SET nothing = 1",
            "SELECT nothing FROM people",
            "SELECT id FROM people WHERE name = 1",
            "SELECT id, count(*) FROM people",
            "SELECT * FROM people p WHERE p.id / 0 = 1",
            "SELEC * FROM people",
            "DELETE FROM nowhere",
        };
        for (String sql : wrong) {
            refused(sql);
        }
        try (PreparedStatement s = connection.prepareStatement("INSERT INTO people (name, born) VALUES (?, ?)")) {
            s.setString(1, "x");
            s.setString(2, "not a date");
            s.executeUpdate();
        } catch (SQLException error) {
            print(error);
        }
    }

    void warnings() throws SQLException {
        try (Statement s = connection.createStatement()) {
            s.execute("CREATE TABLE IF NOT EXISTS people (id int)");
            print(s.getWarnings());
            s.execute("DROP TABLE IF EXISTS nowhere");
            print(s.getWarnings());
            s.execute("DO $$ BEGIN RAISE WARNING 'careful' USING ERRCODE = '01234'; END $$");
            print(s.getWarnings());
            s.execute("TRUNCATE keyless");
            print(s.getWarnings());
        }
    }

    void print(SQLWarning warning) {
        for (SQLWarning each = warning; each != null; each = each.getNextWarning()) {
            print("warning " + each.getSQLState() + " " + each.getMessage());
        }
    }

    void escapes() throws SQLException {
        query("SELECT {fn ucase(name)}, {d '2024-02-29'}, {fn length(name)} FROM people WHERE born > {d '1990-04-01'} ORDER BY id");
        query("SELECT p.name FROM {oj people p LEFT OUTER JOIN orders o ON p.id = o.person} WHERE name LIKE 'Person |_' {escape '|'} ORDER BY 1");
        query("SELECT /* people ? */ id -- orders ?\n FROM people WHERE name = $q$Renamed$q$");
    }

    void severalStatements() throws SQLException {
        try (Statement s = connection.createStatement()) {
            boolean rows = s.execute("INSERT INTO keyless VALUES (1, 'a'), (2, 'b'); SELECT * FROM keyless ORDER BY a;"
                + " UPDATE keyless SET b = 'c'; CREATE TABLE several (x int); INSERT INTO several VALUES (5); SELECT * FROM several; DROP TABLE several");
            while (rows || s.getUpdateCount() != -1) {
                if (rows) {
                    print(s.getResultSet());
                } else {
                    print("count " + s.getUpdateCount());
                }
                rows = s.getMoreResults();
            }
        }
        refused("INSERT INTO keyless VALUES (3, 'never'); SELECT 1 / 0");
        query("SELECT count(*) FROM keyless");
        try (PreparedStatement s = connection.prepareStatement("UPDATE keyless SET b = ? WHERE a = ?; SELECT b FROM keyless WHERE a = ?")) {
            s.setString(1, "two");
            s.setInt(2, 2);
            s.setInt(3, 2);
            s.execute();
            s.getMoreResults();
            print(s.getResultSet());
        }
    }

    void updateCounts() throws SQLException {
        String[] texts = {
            "UPDATE people SET age = 30 WHERE id > 3",
            "UPDATE people SET age = 30 WHERE false",
            "DELETE FROM keyless WHERE a = 1",
            "INSERT INTO keyless SELECT n, 'x' FROM generate_series(1, 12) n",
            "WITH gone AS (DELETE FROM keyless WHERE a > 6 RETURNING *) UPDATE keyless SET b = 'y' WHERE a IN (SELECT a - 6 FROM gone)",
            "CREATE TABLE counted AS SELECT * FROM keyless",
            "TRUNCATE counted",
            "DROP TABLE counted",
        };
        for (String sql : texts) {
            try (Statement s = connection.createStatement()) {
                print(s.executeUpdate(sql) + " " + s.executeLargeUpdate("UPDATE keyless SET a = a"));
            }
        }
    }

    void upsert() throws SQLException {
        String sql = "INSERT INTO people AS p (id, name, height) VALUES (?, ?, ?)"
            + " ON CONFLICT (id) DO UPDATE SET name = excluded.name || ' ' || p.name, height = excluded.height RETURNING id, name, height";
        try (PreparedStatement s = connection.prepareStatement(sql)) {
            for (int n : new int[] {1, 700, 700}) {
                s.setInt(1, n);
                s.setString(2, "Upsert");
                s.setBigDecimal(3, new BigDecimal("1.00"));
                print(s.executeQuery());
            }
        }
        execute("INSERT INTO people (id, name) VALUES (1, 'no') ON CONFLICT DO NOTHING");
        execute("DELETE FROM people WHERE id = 700");
    }

    void functionCall() throws SQLException {
        try (CallableStatement call = connection.prepareCall("{? = call upper(?)}")) {
            call.registerOutParameter(1, Types.VARCHAR);
            call.setString(2, "abc");
            call.execute();
            print(call.getString(1));
        }
    }

    void cancel() throws Exception {
        try (Statement s = connection.createStatement()) {
            s.setQueryTimeout(1);
            print(s.executeQuery("SELECT count(*) FROM people, pg_sleep(30)"));
        } catch (SQLException error) {
            print(error);
        }
        query("SELECT count(*) FROM people");
    }

    void searchPath() throws SQLException {
        execute("CREATE TABLE other.people (only_here text)");
        execute("INSERT INTO other.people VALUES ('yes')");
        connection.setSchema("other");
        query("SELECT * FROM people");
        print(connection.getSchema());
        connection.setSchema("public");
        query("SELECT count(*) FROM people");
        try (Connection own = connect("currentSchema", "other,public"); Statement s = own.createStatement()) {
            print(s.executeQuery("SELECT * FROM people"));
            print(s.executeQuery("SELECT count(*) FROM keyless"));
        }
        execute("DROP TABLE other.people");
    }

    void changeOfShape() throws SQLException {
        execute("ALTER TABLE people ADD COLUMN nick text, DROP COLUMN initials, ALTER COLUMN email SET DEFAULT 'none'");
        execute("ALTER TABLE people RENAME COLUMN born TO birthday");
        execute("ALTER TABLE orders RENAME TO purchases");
        refused("ALTER TABLE people ALTER COLUMN name TYPE text");
        execute("ALTER TABLE people ALTER COLUMN height TYPE numeric(8, 3)");
        query("SELECT * FROM people ORDER BY id LIMIT 2");
        DatabaseMetaData meta = connection.getMetaData();
        print(meta.getColumns(null, "public", "people", "%"));
        print(meta.getImportedKeys(null, "public", "purchases"));
        query("SELECT * FROM purchases ORDER BY 1, 2");
    }

    void foreignKeys() throws SQLException {
        refused("INSERT INTO purchases VALUES (9999, 1)");
        execute("DELETE FROM people WHERE id = 1");
        query("SELECT person, number FROM purchases ORDER BY 1, 2");
        connection.setAutoCommit(false);
        execute("INSERT INTO other.lines (person, number) VALUES (77, 77)");
        try {
            connection.commit();
            print("committed");
        } catch (SQLException error) {
            print(error);
        }
        connection.rollback();
        connection.setAutoCommit(true);
    }

    void drop() throws SQLException {
        refused("DROP TABLE purchases");
        execute("DROP TABLE other.lines, purchases, keyless, kinds");
        refused("DROP TABLE people");
        execute("DROP TABLE people CASCADE");
        execute("DROP SCHEMA other");
        print(connection.getMetaData().getTables(null, "public", "%", null));
    }
}
