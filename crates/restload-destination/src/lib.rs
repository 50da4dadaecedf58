//! SQL, transactions, schema evolution, write dispositions and state
