//! Tables part by part, with long values cut: for looking at tables of any size.

use restload_model::DataType;

use super::{Inspector, Order, Slice, number};
use crate::error::DestinationError;
use crate::sql::{Places, Wanted};
use crate::url::Kind;
use crate::writers::Param;

/// Which rows of a table to give, and how much of each.
#[derive(Debug, Clone, Copy)]
pub struct GridQuery<'q> {
    /// Text columns, and what they hold in the rows that are wanted.
    pub equal: &'q [(&'q str, &'q str)],
    /// Where to begin.
    pub from: RowsFrom<'q>,
    /// What the rows are ordered by; without it they come by their places in the table, which costs nothing.
    pub order: Option<Order<'q>>,
    /// How many rows.
    pub slice: Slice,
    /// How many characters of each value.
    pub chars: usize,
}

/// Where rows begin.
#[derive(Debug, Clone, Copy)]
pub enum RowsFrom<'q> {
    /// With the first one.
    Start,
    /// Behind the row at a place.
    After(&'q str),
    /// The row at a place, and no other.
    At(&'q str),
}

/// Rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// The columns, in the table's order.
    pub columns: Vec<GridColumn>,
    /// The rows.
    pub rows: Vec<GridRow>,
    /// Whether more follow.
    pub has_more: bool,
}

/// A column, as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridColumn {
    /// Its name.
    pub name: String,
    /// What it holds, if the type is one of restload's.
    pub data_type: Option<DataType>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridRow {
    /// Where it is in the table. It names the row until the row is written again.
    pub place: String,
    /// A value for each column.
    pub values: Vec<Option<ValueText>>,
}

/// The beginning of a value, as text; bytes are hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueText {
    /// The text.
    pub text: String,
    /// Whether it goes on.
    pub is_cut: bool,
    /// How many characters all of it has, where that was asked.
    pub length: Option<u64>,
}

/// How many rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowCount {
    /// The number.
    pub rows: u64,
    /// Whether they were counted; else the database has estimated them.
    pub is_exact: bool,
}

/// A part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuePart {
    /// The text; bytes are hex.
    pub text: String,
    /// Whether it goes on behind it.
    pub has_more: bool,
}

impl ValueText {
    /// Cuts a text that may have more characters than are shown.
    pub(super) fn cut(mut text: String, chars: usize) -> Self {
        let end = text.char_indices().nth(chars).map(|(at, _)| at);
        if let Some(end) = end {
            text.truncate(end);
        }
        Self {
            text,
            is_cut: end.is_some(),
            length: None,
        }
    }
}

type Columns = Vec<(String, Option<DataType>)>;

fn typed(columns: &Columns) -> Vec<(&str, Option<DataType>)> {
    columns
        .iter()
        .map(|(name, data_type)| (name.as_str(), *data_type))
        .collect()
}

impl Inspector {
    /// Rows of a table of the dataset, whoever made it.
    pub async fn grid(&mut self, table: &str, query: GridQuery<'_>) -> Result<Grid, DestinationError> {
        let columns = self.known_columns(table).await?;
        for (column, _) in query.equal {
            match data_type_of(&columns, table, column)? {
                Some(DataType::Text) => {}
                _ => {
                    return Err(DestinationError::Misuse(format!(
                        "column `{column}` of table `{table}` holds no texts to compare with"
                    )));
                }
            }
        }
        let order = match query.order {
            Some(order) => {
                let data_type = data_type_of(&columns, table, order.column)?;
                Some(((order.column, data_type), order.descending))
            }
            None => None,
        };
        let (places, place) = match query.from {
            RowsFrom::Start => (Places::Any, None),
            RowsFrom::After(place) => (Places::After, Some(place)),
            RowsFrom::At(place) => (Places::At, Some(place)),
        };
        let equal: Vec<&str> = query.equal.iter().map(|(column, _)| *column).collect();
        let wanted_columns = typed(&columns);
        // One more than is shown tells whether more follow.
        let sql = self.dialect.look_at_rows(
            table,
            &Wanted {
                columns: &wanted_columns,
                equal: &equal,
                places,
                order,
                chars: query.chars + 1,
            },
        );
        let mut params: Vec<Param<'_>> = query.equal.iter().map(|(_, value)| Param::Text(value)).collect();
        if let Some(place) = place {
            params.push(Param::Text(self.checked_place(table, place)?));
        }
        let slice = Slice {
            limit: query.slice.limit + 1,
            ..query.slice
        };
        params.extend(slice.params());
        let rows = self.read(sql, &params, &format!("cannot read table `{table}`")).await?;
        let has_more = rows.len() as u64 > query.slice.limit;
        let mut grid = Vec::with_capacity(rows.len());
        for row in rows
            .into_iter()
            .take(usize::try_from(query.slice.limit).unwrap_or(usize::MAX))
        {
            let mut cells = row.into_iter();
            let place = cells.next().flatten().unwrap_or_default();
            let values = cells.map(|cell| Some(ValueText::cut(cell?, query.chars))).collect();
            grid.push(GridRow { place, values });
        }
        Ok(Grid {
            columns: columns
                .into_iter()
                .map(|(name, data_type)| GridColumn { name, data_type })
                .collect(),
            rows: grid,
            has_more,
        })
    }

    /// The row at a place, with the lengths of the values that are cut; `None` where no row is there any more.
    pub async fn row(
        &mut self,
        table: &str,
        place: &str,
        chars: usize,
    ) -> Result<Option<(Vec<GridColumn>, GridRow)>, DestinationError> {
        let query = GridQuery {
            equal: &[],
            from: RowsFrom::At(place),
            order: None,
            slice: Slice::first(1),
            chars,
        };
        let mut grid = self.grid(table, query).await?;
        let Some(mut row) = grid.rows.pop() else {
            return Ok(None);
        };
        let all: Columns = grid
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.data_type))
            .collect();
        let mut cut: Vec<(&mut ValueText, (&str, Option<DataType>))> = row
            .values
            .iter_mut()
            .zip(&all)
            .filter_map(|(value, (name, data_type))| {
                let value = value.as_mut().filter(|value| value.is_cut)?;
                Some((value, (name.as_str(), *data_type)))
            })
            .collect();
        if !cut.is_empty() {
            let columns: Vec<_> = cut.iter().map(|(_, column)| *column).collect();
            let sql = self.dialect.lengths(table, &typed(&all), &columns);
            let act = format!("cannot read table `{table}`");
            let lengths = self.read(sql, &[Param::Text(place)], &act).await?;
            for ((value, (_, data_type)), length) in cut.iter_mut().zip(lengths.into_iter().flatten()) {
                // A byte is shown as two characters.
                let digits = if *data_type == Some(DataType::Binary) { 2 } else { 1 };
                value.length = Some(number(length) * digits);
            }
        }
        Ok(Some((grid.columns, row)))
    }

    /// A part of a value that is too long to be shown with its row; parts are counted from 0.
    pub async fn value_part(
        &mut self,
        table: &str,
        place: &str,
        column: &str,
        part: usize,
        chars: usize,
    ) -> Result<Option<ValuePart>, DestinationError> {
        let columns = self.known_columns(table).await?;
        let data_type = data_type_of(&columns, table, column)?;
        let place = self.checked_place(table, place)?;
        let sql = self.dialect.part_of_value(
            table,
            &typed(&columns),
            (column, data_type),
            part.saturating_mul(chars).saturating_add(1),
            chars + 1,
        );
        let act = format!("cannot read table `{table}`");
        let rows = self.read(sql, &[Param::Text(place)], &act).await?;
        let value = rows.into_iter().flatten().next().flatten();
        Ok(value.map(|text| {
            let cut = ValueText::cut(text, chars);
            ValuePart {
                text: cut.text,
                has_more: cut.is_cut,
            }
        }))
    }

    /// How many rows a table has with these values: counted up to a limit, then the limit, or what the database estimates
    /// of the whole table.
    pub async fn row_count(
        &mut self,
        table: &str,
        equal: &[(&str, &str)],
        most: usize,
    ) -> Result<RowCount, DestinationError> {
        let columns = self.known_columns(table).await?;
        let names: Vec<&str> = equal.iter().map(|(column, _)| *column).collect();
        for name in &names {
            data_type_of(&columns, table, name)?;
        }
        let params: Vec<Param<'_>> = equal.iter().map(|(_, value)| Param::Text(value)).collect();
        let sql = self.dialect.count_up_to(table, &names, most + 1);
        let rows = self.read(sql, &params, "cannot count rows").await?;
        let counted = number(rows.into_iter().flatten().next().flatten());
        if counted <= most as u64 {
            return Ok(RowCount {
                rows: counted,
                is_exact: true,
            });
        }
        let mut estimated = 0;
        if equal.is_empty() {
            let sql = self.dialect.estimate_rows(table, &typed(&columns));
            let dataset = self.dialect.dataset.clone();
            let params: Vec<Param<'_>> = dataset
                .iter()
                .flat_map(|dataset| [Param::Text(dataset), Param::Text(table)])
                .collect();
            let rows = self.read(sql, &params, "cannot estimate rows").await?;
            estimated = number(rows.into_iter().flatten().next().flatten());
        }
        Ok(RowCount {
            rows: estimated.max(most as u64),
            is_exact: false,
        })
    }

    /// A place as this database spells it; it comes from an address that anybody can type.
    fn checked_place<'p>(&self, table: &str, place: &'p str) -> Result<&'p str, DestinationError> {
        let is_place = match self.dialect.kind {
            Kind::Sqlite => place.parse::<i64>().is_ok(),
            Kind::Postgres => place
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')')?.split_once(','))
                .is_some_and(|(block, item)| block.parse::<u32>().is_ok() && item.parse::<u16>().is_ok()),
        };
        if is_place {
            return Ok(place);
        }
        Err(DestinationError::Misuse(format!(
            "`{place}` is no place of a row in table `{table}`"
        )))
    }
}

fn data_type_of(columns: &Columns, table: &str, column: &str) -> Result<Option<DataType>, DestinationError> {
    let found = columns.iter().find(|(name, _)| name == column);
    found
        .map(|(_, data_type)| *data_type)
        .ok_or_else(|| DestinationError::Misuse(format!("table `{table}` has no column `{column}`")))
}
