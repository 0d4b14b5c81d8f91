//! Searches on problems whose answer is known.

use pimento_evolution::{
    Algorithm, Evaluation, Objective, ParetoFront, Problem, Search, SearchSettings, SearchState,
    StopReason, evaluate_parallel,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// ZDT1 (Zitzler, Deb, Thiele 2000) on a grid: minimise x₁ and g·(1 − √(x₁/g)) with
/// g = 1 + 9·mean(x₂…x₁₀); the best front has g = 1.
struct Zdt1 {
    /// Largest sum of genes that is feasible.
    most: u32,
}

const GENES: usize = 10;
const LEVELS: u8 = 101;

impl Problem for Zdt1 {
    type Genotype = Vec<u8>;

    fn objectives(&self) -> &[Objective] {
        &[Objective { name: "first" }, Objective { name: "second" }]
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        (0..GENES).map(|_| rng.random_range(0..LEVELS)).collect()
    }

    fn mutate(&self, genotype: &Vec<u8>, strength: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut child = genotype.clone();
        for _ in 0..strength {
            child[rng.random_range(0..GENES)] = rng.random_range(0..LEVELS);
        }
        child
    }

    fn crossover(&self, a: &Vec<u8>, b: &Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
        a.iter()
            .zip(b)
            .map(|(a, b)| if rng.random() { *a } else { *b })
            .collect()
    }

    fn evaluate(&self, generation: &[Vec<u8>]) -> Vec<Evaluation> {
        evaluate_parallel(generation, |genes| {
            let x: Vec<f64> = genes.iter().map(|&gene| f64::from(gene) / 100.0).collect();
            let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / (GENES - 1) as f64;
            let sum: u32 = genes.iter().map(|&gene| u32::from(gene)).sum();
            Evaluation {
                objectives: vec![x[0], g * (1.0 - (x[0] / g).sqrt())],
                violation: f64::from(sum.saturating_sub(self.most)),
            }
        })
    }
}

fn settings(algorithm: Algorithm) -> SearchSettings {
    SearchSettings {
        algorithm,
        population_size: 40,
        children_per_generation: 40,
        generations: 60,
        reference: Some(vec![1.1, 1.1]),
        seed: 3,
        ..SearchSettings::default()
    }
}

fn run(problem: &Zdt1, settings: SearchSettings) -> SearchState<Vec<u8>> {
    let mut search = Search::new(problem, settings);
    while search.step().is_none() {}
    search.into_state()
}

fn last_hypervolume(state: &SearchState<Vec<u8>>) -> f64 {
    state.reports().last().unwrap().hypervolume
}

#[test]
fn nsga2_comes_near_the_best_front_and_beats_random() {
    let problem = Zdt1 { most: u32::MAX };
    let found = last_hypervolume(&run(&problem, settings(Algorithm::Nsga2)));
    let random = last_hypervolume(&run(&problem, settings(Algorithm::Random)));
    // The area below 1.1 × 1.1 and above f₂ = 1 − √f₁: 0.11 + ∫₀¹ (0.1 + √x) dx = 0.8767.
    assert!(found > 0.85 * 0.8767, "{found}");
    assert!(found <= 0.8767 && random < 0.6 * found, "{found} {random}");
}

#[test]
fn regularized_evolution_improves_too() {
    let problem = Zdt1 { most: u32::MAX };
    let settings = SearchSettings {
        tournament_size: 20,
        ..settings(Algorithm::RegularizedEvolution)
    };
    let state = run(&problem, settings.clone());
    let random = run(
        &problem,
        SearchSettings {
            algorithm: Algorithm::Random,
            ..settings
        },
    );
    assert!(last_hypervolume(&state) > 1.2 * last_hypervolume(&random));
}

#[test]
fn infeasible_designs_lead_to_feasible_ones() {
    let problem = Zdt1 { most: 60 };
    let state = run(&problem, settings(Algorithm::Nsga2));
    assert_eq!(
        state.reports()[0].feasible,
        0,
        "no random design is feasible"
    );
    let front = ParetoFront::from_individuals(state.individuals());
    assert!(front.members().len() > 5);
    assert!(
        front
            .members()
            .iter()
            .all(|member| member.evaluation.violation == 0.0)
    );
}

#[test]
fn nothing_is_evaluated_twice() {
    let state = run(&Zdt1 { most: u32::MAX }, settings(Algorithm::Nsga2));
    let mut genotypes: Vec<_> = state.individuals().iter().map(|i| &i.genotype).collect();
    genotypes.sort();
    genotypes.dedup();
    assert_eq!(genotypes.len(), state.evaluations());
    assert_eq!(state.evaluations(), 40 * 61);
}

#[test]
fn a_stored_and_resumed_search_is_the_straight_one() {
    let problem = Zdt1 { most: 300 };
    for algorithm in [
        Algorithm::Nsga2,
        Algorithm::RegularizedEvolution,
        Algorithm::Random,
    ] {
        let settings = SearchSettings {
            generations: 12,
            ..settings(algorithm)
        };
        let straight = run(&problem, settings.clone());
        let mut first = Search::new(&problem, settings.clone());
        for _ in 0..5 {
            assert_eq!(first.step(), None);
        }
        let stored = serde_json::to_string(first.state()).unwrap();
        let mut second = Search::resume(&problem, settings, serde_json::from_str(&stored).unwrap());
        while second.step().is_none() {}
        assert_eq!(second.into_state(), straight, "{algorithm:?}");
    }
}

#[test]
fn known_designs_join_the_initial_population() {
    let problem = Zdt1 { most: u32::MAX };
    let seed = vec![50, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let settings = SearchSettings {
        generations: 0,
        ..settings(Algorithm::Nsga2)
    };
    let mut search = Search::new(&problem, settings).with_initial(vec![seed.clone()]);
    assert_eq!(search.step(), Some(StopReason::GenerationsDone));
    assert!(
        search
            .state()
            .individuals()
            .iter()
            .any(|member| member.genotype == seed)
    );
}

/// Two solutions in all.
struct Coin;

impl Problem for Coin {
    type Genotype = bool;

    fn objectives(&self) -> &[Objective] {
        &[Objective { name: "side" }]
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> bool {
        rng.random()
    }

    fn mutate(&self, _: &bool, _: usize, rng: &mut ChaCha8Rng) -> bool {
        rng.random()
    }

    fn crossover(&self, a: &bool, _: &bool, _: &mut ChaCha8Rng) -> bool {
        *a
    }

    fn evaluate(&self, generation: &[bool]) -> Vec<Evaluation> {
        let objectives = |side: &bool| vec![f64::from(*side)];
        generation
            .iter()
            .map(|side| Evaluation {
                objectives: objectives(side),
                violation: 0.0,
            })
            .collect()
    }
}

#[test]
fn a_space_that_is_used_up_ends_the_search() {
    let mut search = Search::new(&Coin, SearchSettings::default());
    assert_eq!(search.step(), None);
    assert_eq!(search.state().evaluations(), 2);
    assert_eq!(search.step(), Some(StopReason::SpaceExhausted));
}
