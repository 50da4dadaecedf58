//! Medians. With few rounds on a shared machine they are steadier than means.

/// The middle value, or the mean of the two middle ones; none of nothing.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        None
    } else if sorted.len().is_multiple_of(2) {
        Some(f64::midpoint(sorted[middle - 1], sorted[middle]))
    } else {
        Some(sorted[middle])
    }
}

/// The median of the ratios of neighbours: runs side by side share the machine's mood, so a slow minute cancels out.
pub(super) fn median_ratio(values: &[f64], bases: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = values.iter().zip(bases).map(|(value, base)| value / base).collect();
    median(&ratios)
}

/// The largest value; none of nothing.
pub(super) fn largest(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_middle_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn ratios_are_taken_pairwise_before_the_median() {
        // The second round is slow for both; the ratio of the medians would be 1.0.
        assert_eq!(median_ratio(&[2.0, 30.0, 4.0], &[1.0, 20.0, 4.0]), Some(1.5));
        assert_eq!(median_ratio(&[], &[]), None);
    }

    #[test]
    fn the_peak_is_the_largest() {
        assert_eq!(largest(&[1.0, 7.0, 3.0]), Some(7.0));
        assert_eq!(largest(&[]), None);
    }
}
