import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLWarning;
import java.sql.Statement;
import org.postgresql.util.PSQLWarning;
import org.postgresql.util.ServerErrorMessage;

/** Runs a query five times, and prints SQLSTATE and HINT of each warning, a line each. */
public class Notices {
    public static void main(String[] arguments) throws Exception {
        try (Connection connection = DriverManager.getConnection(arguments[0], arguments[1], "")) {
            for (int round = 0; round < 5; round++) {
                try (Statement statement = connection.createStatement()) {
                    statement.executeQuery(arguments[2]).close();
                    for (SQLWarning each = statement.getWarnings(); each != null; each = each.getNextWarning()) {
                        ServerErrorMessage told = ((PSQLWarning) each).getServerErrorMessage();
                        System.out.println(told.getSQLState() + "|" + told.getHint());
                    }
                }
            }
        }
    }
}
