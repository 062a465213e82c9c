# The door of this folder: what is imported from here is public, one name a line.
from .churn.churn_change import plot_churn_change as plot_churn_change
from .churn.churn_change import plot_churn_change_parts as plot_churn_change_parts
from .churn.churn_change import table_churn_change as table_churn_change
from .churn.churn_drivers import plot_churn_drivers as plot_churn_drivers
from .churn.churn_drivers import plot_churn_drivers_hazard as plot_churn_drivers_hazard
from .churn.churn_drivers import plot_churn_drivers_risks as plot_churn_drivers_risks
from .churn.churn_drivers import table_churn_drivers as table_churn_drivers
from .churn.churn_drivers import table_churn_drivers_shares as table_churn_drivers_shares
from .churn.churn_risk import plot_churn_risk as plot_churn_risk
from .churn.churn_risk import plot_churn_risk_calibration as plot_churn_risk_calibration
from .churn.churn_risk import plot_churn_risk_lift as plot_churn_risk_lift
from .churn.churn_risk import table_churn_risk as table_churn_risk
from .churn.churn_risk import table_churn_risk_scenarios as table_churn_risk_scenarios
from .churn.churn_risk import table_churn_risk_validation as table_churn_risk_validation
from .churn.inactivity_threshold import plot_inactivity_threshold as plot_inactivity_threshold
from .churn.inactivity_threshold import (
    plot_inactivity_threshold_curve as plot_inactivity_threshold_curve,
)
from .churn.inactivity_threshold import table_inactivity_threshold as table_inactivity_threshold
from .churn.inactivity_threshold import (
    table_inactivity_threshold_curve as table_inactivity_threshold_curve,
)
from .churn.inactivity_threshold import (
    table_inactivity_threshold_customers as table_inactivity_threshold_customers,
)
from .churn.retention_cohorts import plot_retention_cohorts as plot_retention_cohorts
from .churn.retention_cohorts import table_retention_cohorts as table_retention_cohorts
from .churn.retention_curve import plot_retention_curve as plot_retention_curve
from .churn.retention_curve import table_retention_curve as table_retention_curve
from .customers.core_customers import plot_core_customers as plot_core_customers
from .customers.core_customers import table_core_customers as table_core_customers
from .customers.core_customers import (
    table_core_customers_dismissal as table_core_customers_dismissal,
)
from .customers.core_customers import (
    table_core_customers_validation as table_core_customers_validation,
)
from .customers.customer_value import plot_customer_value as plot_customer_value
from .customers.customer_value import plot_customer_value_bridge as plot_customer_value_bridge
from .customers.customer_value import plot_customer_value_whale as plot_customer_value_whale
from .customers.customer_value import table_customer_value as table_customer_value
from .customers.customer_value import table_customer_value_bridge as table_customer_value_bridge
from .customers.customer_value import (
    table_customer_value_dependence as table_customer_value_dependence,
)
from .customers.customer_value import (
    table_customer_value_migration as table_customer_value_migration,
)
from .customers.data_quality import plot_data_quality as plot_data_quality
from .customers.data_quality import table_data_quality as table_data_quality
from .customers.data_quality import table_data_quality_conflicts as table_data_quality_conflicts
from .customers.data_quality import table_data_quality_coverage as table_data_quality_coverage
from .customers.data_quality import table_data_quality_duplicates as table_data_quality_duplicates
from .customers.data_quality import table_data_quality_faults as table_data_quality_faults
from .forest import draw_forest as draw_forest
from .forest import forest_height as forest_height
from .lifetime_value.backtest import plot_backtest as plot_backtest
from .lifetime_value.backtest import plot_backtest_expectation as plot_backtest_expectation
from .lifetime_value.backtest import plot_backtest_frequency as plot_backtest_frequency
from .lifetime_value.backtest import plot_backtest_incremental as plot_backtest_incremental
from .lifetime_value.backtest import table_backtest as table_backtest
from .lifetime_value.backtest import table_backtest_origins as table_backtest_origins
from .lifetime_value.customer_lifetime_value import plot_alive_history as plot_alive_history
from .lifetime_value.customer_lifetime_value import (
    plot_customer_lifetime_value as plot_customer_lifetime_value,
)
from .lifetime_value.customer_lifetime_value import (
    plot_customer_lifetime_value_alive as plot_customer_lifetime_value_alive,
)
from .lifetime_value.customer_lifetime_value import (
    plot_customer_lifetime_value_payback as plot_customer_lifetime_value_payback,
)
from .lifetime_value.customer_lifetime_value import (
    table_customer_lifetime_value as table_customer_lifetime_value,
)
from .lifetime_value.customer_lifetime_value import (
    table_customer_lifetime_value_at_risk as table_customer_lifetime_value_at_risk,
)
from .lifetime_value.customer_lifetime_value import (
    table_customer_lifetime_value_equity as table_customer_lifetime_value_equity,
)
from .lifetime_value.customer_lifetime_value import (
    table_customer_lifetime_value_models as table_customer_lifetime_value_models,
)
from .lifetime_value.customer_lifetime_value import (
    table_customer_lifetime_value_winning_or_keeping as table_customer_lifetime_value_winning_or_keeping,  # noqa: E501
)
from .lifetime_value.equity_bridge import plot_equity_bridge as plot_equity_bridge
from .lifetime_value.equity_bridge import table_equity_bridge as table_equity_bridge
from .losses.complaint_recovery import plot_complaint_recovery as plot_complaint_recovery
from .losses.complaint_recovery import (
    plot_complaint_recovery_backlog as plot_complaint_recovery_backlog,
)
from .losses.complaint_recovery import (
    plot_complaint_recovery_hazard as plot_complaint_recovery_hazard,
)
from .losses.complaint_recovery import (
    plot_complaint_recovery_topics as plot_complaint_recovery_topics,
)
from .losses.complaint_recovery import table_complaint_recovery as table_complaint_recovery
from .losses.complaint_recovery import (
    table_complaint_recovery_causes as table_complaint_recovery_causes,
)
from .losses.complaint_recovery import (
    table_complaint_recovery_closing as table_complaint_recovery_closing,
)
from .losses.complaint_recovery import (
    table_complaint_recovery_loss as table_complaint_recovery_loss,
)
from .losses.complaint_recovery import (
    table_complaint_recovery_paradox as table_complaint_recovery_paradox,
)
from .losses.complaint_recovery import (
    table_complaint_recovery_repeats as table_complaint_recovery_repeats,
)
from .losses.complaint_recovery import (
    table_complaint_recovery_silent as table_complaint_recovery_silent,
)
from .losses.complaint_recovery import (
    table_complaint_recovery_worth as table_complaint_recovery_worth,
)
from .losses.contact_policy import plot_contact_policy as plot_contact_policy
from .losses.contact_policy import plot_contact_policy_demand as plot_contact_policy_demand
from .losses.contact_policy import plot_contact_policy_frequency as plot_contact_policy_frequency
from .losses.contact_policy import table_contact_policy as table_contact_policy
from .losses.contact_policy import table_contact_policy_budget as table_contact_policy_budget
from .losses.contact_policy import table_contact_policy_frequency as table_contact_policy_frequency
from .losses.contact_policy import table_contact_policy_pairs as table_contact_policy_pairs
from .losses.contact_policy import table_contact_policy_plan as table_contact_policy_plan
from .losses.early_warning import plot_early_warning as plot_early_warning
from .losses.early_warning import plot_early_warning_test as plot_early_warning_test
from .losses.early_warning import plot_win_back as plot_win_back
from .losses.early_warning import plot_win_back_offers as plot_win_back_offers
from .losses.early_warning import table_early_warning as table_early_warning
from .losses.early_warning import table_early_warning_test as table_early_warning_test
from .losses.early_warning import table_win_back as table_win_back
from .losses.early_warning import table_win_back_offers as table_win_back_offers
from .losses.exit_reasons import plot_exit_reasons as plot_exit_reasons
from .losses.exit_reasons import plot_exit_reasons_before as plot_exit_reasons_before
from .losses.exit_reasons import plot_exit_reasons_shares as plot_exit_reasons_shares
from .losses.exit_reasons import table_exit_reasons as table_exit_reasons
from .losses.exit_reasons import table_exit_reasons_seen as table_exit_reasons_seen
from .mime import ANSWER_MIME as ANSWER_MIME
from .mime import FIGURE_DATA_MIME as FIGURE_DATA_MIME
from .mime import FIGURES_MIME as FIGURES_MIME
from .mime import LANGUAGES as LANGUAGES
from .mime import TABLE_MIME as TABLE_MIME
from .numbers import format_cell as format_cell
from .numbers import format_number as format_number
from .numbers import number_texts as number_texts
from .programmes.actions import table_actions as table_actions
from .programmes.actions import table_actions_since as table_actions_since
from .programmes.claims import table_claims as table_claims
from .programmes.programme_effects import plot_programme_checks as plot_programme_checks
from .programmes.programme_effects import plot_programme_effects as plot_programme_effects
from .programmes.programme_effects import plot_rival_prices as plot_rival_prices
from .programmes.programme_effects import table_programme_effects as table_programme_effects
from .programmes.programme_effects import table_programme_goals as table_programme_goals
from .programmes.programme_effects import table_programme_levels as table_programme_levels
from .programmes.programme_effects import table_programme_register as table_programme_register
from .programmes.programme_effects import table_rival_answers as table_rival_answers
from .programmes.targeting import plot_targeting as plot_targeting
from .programmes.targeting import plot_targeting_gain as plot_targeting_gain
from .programmes.targeting import table_experiment_draw as table_experiment_draw
from .programmes.targeting import table_experiment_durations as table_experiment_durations
from .programmes.targeting import table_experiment_plan as table_experiment_plan
from .programmes.targeting import table_experiment_running as table_experiment_running
from .programmes.targeting import table_targeting as table_targeting
from .programmes.targeting import table_targeting_list as table_targeting_list
from .safe_text import safe_text as safe_text
from .showing import show as show
from .surveys.appraisal import plot_appraisal as plot_appraisal
from .surveys.appraisal import plot_appraisal_funnel as plot_appraisal_funnel
from .surveys.appraisal import table_appraisal as table_appraisal
from .surveys.customer_value_map import plot_customer_value_map as plot_customer_value_map
from .surveys.customer_value_map import table_customer_value_map as table_customer_value_map
from .surveys.satisfaction import plot_satisfaction as plot_satisfaction
from .surveys.satisfaction import plot_satisfaction_waves as plot_satisfaction_waves
from .surveys.satisfaction import table_satisfaction as table_satisfaction
from .surveys.satisfaction_drivers import plot_satisfaction_drivers as plot_satisfaction_drivers
from .surveys.satisfaction_drivers import (
    plot_satisfaction_drivers_asymmetry as plot_satisfaction_drivers_asymmetry,
)
from .surveys.satisfaction_drivers import (
    plot_satisfaction_drivers_map as plot_satisfaction_drivers_map,
)
from .surveys.satisfaction_drivers import table_satisfaction_drivers as table_satisfaction_drivers
from .surveys.satisfaction_model import plot_satisfaction_model as plot_satisfaction_model
from .surveys.satisfaction_model import (
    plot_satisfaction_model_paths as plot_satisfaction_model_paths,
)
from .surveys.satisfaction_model import table_satisfaction_model as table_satisfaction_model
from .surveys.satisfaction_retention import (
    plot_satisfaction_retention as plot_satisfaction_retention,
)
from .surveys.satisfaction_retention import (
    table_satisfaction_retention as table_satisfaction_retention,
)
from .surveys.satisfaction_trend import plot_satisfaction_trend as plot_satisfaction_trend
from .surveys.satisfaction_trend import table_satisfaction_trend as table_satisfaction_trend
from .surveys.service_gaps import plot_service_gaps as plot_service_gaps
from .surveys.service_gaps import plot_service_gaps_surface as plot_service_gaps_surface
from .surveys.service_gaps import table_service_gaps as table_service_gaps
from .surveys.service_profit_chain import plot_service_profit_chain as plot_service_profit_chain
from .surveys.service_profit_chain import table_service_profit_chain as table_service_profit_chain
from .surveys.silent_share import plot_silent_share as plot_silent_share
from .surveys.silent_share import table_silent_share as table_silent_share
from .switching.bond_returns import plot_bond_returns as plot_bond_returns
from .switching.bond_returns import table_bond_returns as table_bond_returns
from .switching.brand_switching import plot_brand_switching as plot_brand_switching
from .switching.brand_switching import table_brand_switching as table_brand_switching
from .switching.loyalty_types import plot_loyalty_types as plot_loyalty_types
from .switching.loyalty_types import table_loyalty_types as table_loyalty_types
from .switching.loyalty_types import table_loyalty_types_slopes as table_loyalty_types_slopes
from .switching.price_room import plot_price_room as plot_price_room
from .switching.price_room import table_price_room as table_price_room
from .switching.relationship_investment import (
    plot_relationship_investment as plot_relationship_investment,
)
from .switching.relationship_investment import (
    table_relationship_investment as table_relationship_investment,
)
from .switching.share_of_wallet import plot_share_of_wallet as plot_share_of_wallet
from .switching.share_of_wallet import (
    table_share_of_wallet_customers as table_share_of_wallet_customers,
)
from .switching.share_of_wallet import table_share_of_wallet_rivals as table_share_of_wallet_rivals
from .switching.switching_costs import plot_switching_costs as plot_switching_costs
from .switching.switching_costs import plot_switching_costs_bonds as plot_switching_costs_bonds
from .switching.switching_costs import plot_switching_costs_placebo as plot_switching_costs_placebo
from .switching.switching_costs import table_switching_costs as table_switching_costs
from .switching.switching_costs import table_switching_costs_bonds as table_switching_costs_bonds
from .switching.switching_costs import (
    table_switching_costs_customers as table_switching_costs_customers,
)
from .switching.switching_costs import (
    table_switching_costs_methods as table_switching_costs_methods,
)
from .switching.switching_costs import (
    table_switching_costs_placebo as table_switching_costs_placebo,
)
from .theme import ACCENT as ACCENT
from .theme import GRID as GRID
from .theme import INK as INK
from .theme import MUTED as MUTED
from .theme import PALETTE as PALETTE
from .theme import chinese_font as chinese_font
from .theme import describe as describe
from .theme import new_axes as new_axes
from .theme import style as style
