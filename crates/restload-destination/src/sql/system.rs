//! Statements on the system tables.

use restload_model::DataType;

use super::{Dialect, Sql};
use crate::url::Kind;

impl Dialect {
    // Parameters are `$1`, `$2`, …: both databases take them.

    /// Postgres: the database and the role, as SQL has them, and the dataset if it is there.
    pub(crate) fn database_and_role_and_dataset() -> Sql {
        Sql::new(
            "SELECT quote_ident(current_database()), quote_ident(current_user), \
             (SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname = $1)",
        )
    }

    pub(crate) fn create_dataset(dataset: &str) -> Sql {
        Sql::new("CREATE SCHEMA IF NOT EXISTS ").name(dataset)
    }

    /// A cast that a bound text needs to become a moment or a document; SQLite keeps texts.
    pub(super) fn cast(&self, sql: Sql, parameter: &'static str, data_type: DataType) -> Sql {
        match self.kind {
            Kind::Postgres => sql
                .text("CAST(CAST(")
                .text(parameter)
                .text(" AS text) AS ")
                .text(self.type_name(data_type))
                .text(")"),
            Kind::Sqlite => sql.text(parameter),
        }
    }

    /// Loads that never ended. Nobody knows when they stopped.
    pub(crate) fn interrupt_loads(&self, loads: &str) -> Sql {
        Sql::new("UPDATE ").push(&self.table(loads)).text(
            " SET status = 'interrupted', error = 'its process ended without closing the load' \
             WHERE pipeline = $1 AND status = 'running'",
        )
    }

    pub(crate) fn start_load(&self, loads: &str) -> Sql {
        let sql = Sql::new("INSERT INTO ").push(&self.table(loads)).text(
            " (load_id, pipeline, started_at, status, \"rows\", requests, retries, schema_changes, rejects) VALUES \
                 ($1, $2, ",
        );
        let sql = self.cast(sql, "$3", DataType::Timestamp).text(", 'running', ");
        let sql = self.cast(sql, "$4", DataType::Json).text(", 0, 0, ");
        self.cast(sql, "$5", DataType::Json).text(", 0)")
    }

    pub(crate) fn advance_load(&self, loads: &str) -> Sql {
        let sql = Sql::new("UPDATE ").push(&self.table(loads)).text(" SET \"rows\" = ");
        let sql = self.cast(sql, "$1", DataType::Json).text(", schema_changes = ");
        self.cast(sql, "$2", DataType::Json)
            .text(", rejects = $3 WHERE load_id = $4 AND status = 'running'")
    }

    pub(crate) fn finish_load(&self, loads: &str) -> Sql {
        let sql = Sql::new("UPDATE ")
            .push(&self.table(loads))
            .text(" SET status = $1, finished_at = ");
        self.cast(sql, "$2", DataType::Timestamp)
            .text(", requests = $3, retries = $4, error = $5 WHERE load_id = $6 AND status = 'running'")
    }

    /// How a load ended. Postgres waits for whoever is about to change it.
    pub(crate) fn load_status(&self, loads: &str) -> Sql {
        let sql = Sql::new("SELECT status FROM ")
            .push(&self.table(loads))
            .text(" WHERE load_id = $1");
        match self.kind {
            Kind::Postgres => sql.text(" FOR UPDATE"),
            Kind::Sqlite => sql,
        }
    }

    pub(crate) fn read_state(&self, state: &str) -> Sql {
        Sql::new("SELECT resource, \"partition\", checkpoint FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 ORDER BY resource, \"partition\"")
    }

    /// A page of a resource's state, in the order of partitions: from the first on, or after one of them.
    pub(crate) fn read_state_after(&self, state: &str, is_further: bool) -> Sql {
        let sql = Sql::new("SELECT \"partition\", checkpoint FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 AND resource = $2 AND \"partition\" <> $3");
        let sql = if is_further {
            sql.text(" AND \"partition\" > $4")
        } else {
            sql
        };
        sql.text(" ORDER BY \"partition\" LIMIT 1000")
    }

    /// The state of the partitions in a bound list.
    pub(crate) fn state_of(&self, state: &str) -> Sql {
        let sql = Sql::new("SELECT \"partition\", checkpoint FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 AND resource = $2 AND \"partition\"");
        self.in_list(sql, "$3")
    }

    /// What is stored under one name, of all resources.
    pub(crate) fn read_chains(&self, state: &str) -> Sql {
        Sql::new("SELECT resource, checkpoint FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 AND \"partition\" = $2")
    }

    /// The resources that anything is stored of, under other names.
    pub(crate) fn resources_with_state(&self, state: &str) -> Sql {
        Sql::new("SELECT DISTINCT resource FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 AND \"partition\" <> $2")
    }

    pub(crate) fn forget_partitions(&self, state: &str) -> Sql {
        let sql = Sql::new("DELETE FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 AND resource = $2 AND \"partition\"");
        self.in_list(sql, "$3")
    }

    pub(crate) fn forget_resource(&self, state: &str) -> Sql {
        Sql::new("DELETE FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 AND resource = $2")
    }

    /// Forgets the partitions of a resource that another has, too.
    pub(crate) fn forget_same_partitions(&self, state: &str) -> Sql {
        Sql::new("DELETE FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 AND resource = $2 AND \"partition\" IN (SELECT \"partition\" FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 AND resource = $3)")
    }

    pub(crate) fn rename_resource(&self, state: &str) -> Sql {
        Sql::new("UPDATE ")
            .push(&self.table(state))
            .text(" SET resource = $3 WHERE pipeline = $1 AND resource = $2")
    }

    /// Forgets the resources whose names begin with a text.
    pub(crate) fn forget_resources(&self, state: &str) -> Sql {
        Sql::new("DELETE FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 AND substr(resource, 1, length($2)) = $2")
    }

    pub(crate) fn forget_pipeline(&self, state: &str) -> Sql {
        Sql::new("DELETE FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1")
    }

    pub(crate) fn read_schema(&self, schema: &str) -> Sql {
        Sql::new(
            "SELECT pipeline, resource, table_name, parent, column_name, source_name, data_type, table_source, \
             CAST(settled AS text) FROM ",
        )
        .push(&self.table(schema))
        .text(" ORDER BY table_name, \"position\", column_name")
    }

    /// The columns of the tables whose names are bound as a list have been through a whole load.
    pub(crate) fn settle_tables(&self, schema: &str) -> Sql {
        let sql = Sql::new("UPDATE ")
            .push(&self.table(schema))
            .text(" SET settled = TRUE WHERE table_name");
        self.in_list(sql, "$1")
    }

    pub(crate) fn forget_table(&self, schema: &str) -> Sql {
        Sql::new("DELETE FROM ")
            .push(&self.table(schema))
            .text(" WHERE table_name = $1")
    }
}
