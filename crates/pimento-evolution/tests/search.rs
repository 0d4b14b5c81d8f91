//! How a search goes: what it keeps, repeats and refuses.

mod problems {
    pub(crate) mod zdt1;
}

use std::collections::BTreeSet;

use pimento_evolution::{
    Algorithm, Evaluation, Objective, ParetoFront, Problem, Search, SearchSettings, SearchState,
    StopReason, evaluate_parallel,
};
use problems::zdt1::Zdt1;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Nsga2,
    Algorithm::SmsEmoa,
    Algorithm::RegularizedEvolution,
    Algorithm::Random,
];

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

fn run<P: Problem>(problem: &P, settings: SearchSettings) -> SearchState<P::Genotype> {
    let mut search = Search::new(problem, settings);
    while search.step().is_none() {}
    search.into_state()
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
    for algorithm in ALGORITHMS {
        let settings = SearchSettings {
            generations: 12,
            ..settings(algorithm)
        };
        let straight = run(&problem, settings.clone());
        for pause in [0, 1, 5, 13] {
            let mut first = Search::new(&problem, settings.clone());
            for _ in 0..pause {
                first.step();
            }
            assert_eq!(first.generation(), pause);
            let stored = serde_json::to_string(first.state()).unwrap();
            let state = serde_json::from_str(&stored).unwrap();
            let mut second = Search::resume(&problem, settings.clone(), state);
            assert_eq!(second.front(), first.front());
            while second.step().is_none() {}
            assert_eq!(second.into_state(), straight, "{algorithm:?} after {pause}");
        }
    }
}

#[test]
fn threads_change_nothing() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        pool.install(|| run(&Zdt1 { most: 300 }, settings(Algorithm::Nsga2)))
    };
    assert_eq!(on(1), on(4));
}

#[test]
fn another_seed_is_another_search() {
    let with_seed = |seed| {
        let settings = SearchSettings {
            seed,
            generations: 1,
            ..settings(Algorithm::Nsga2)
        };
        run(&Zdt1 { most: 300 }, settings)
    };
    assert_ne!(with_seed(1), with_seed(2));
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

#[test]
fn all_known_designs_are_evaluated() {
    let problem = Zdt1 { most: u32::MAX };
    let known_designs: Vec<Vec<u8>> = (0..50).map(|gene| vec![gene; 10]).collect();
    let mut search =
        Search::new(&problem, settings(Algorithm::Nsga2)).with_initial(known_designs.clone());
    search.step();
    let individuals = search.state().individuals();
    let evaluated: Vec<_> = individuals.iter().map(|i| i.genotype.clone()).collect();
    assert_eq!(evaluated, known_designs);
    search.step();
    assert_eq!(search.state().evaluations(), 90);
}

/// A genotype is its line of ancestors: `mutate` appends to it. The last number is minimised.
struct Lineage;

impl Problem for Lineage {
    type Genotype = Vec<u32>;

    fn objectives(&self) -> &[Objective] {
        &[Objective { name: "last" }]
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Vec<u32> {
        vec![rng.random()]
    }

    fn mutate(&self, genotype: &Vec<u32>, strength: usize, rng: &mut ChaCha8Rng) -> Vec<u32> {
        let new = (0..strength).map(|_| rng.random());
        genotype.iter().copied().chain(new).collect()
    }

    fn crossover(&self, _: &Vec<u32>, _: &Vec<u32>, _: &mut ChaCha8Rng) -> Vec<u32> {
        unreachable!("regularised evolution has no crossover")
    }

    fn evaluate(&self, generation: &[Vec<u32>]) -> Vec<Evaluation> {
        evaluate_parallel(generation, |line| Evaluation {
            objectives: vec![f64::from(*line.last().expect("a line has an end"))],
            violation: 0.0,
        })
    }
}

/// NASRec (Zhang et al., WWW 2023): all children of a generation are mutants of the best of a
/// tournament among the youngest, and the oldest die, however good they are.
#[test]
fn regularized_evolution_is_that_of_nasrec() {
    let (size, children) = (16, 4);
    let settings = SearchSettings {
        algorithm: Algorithm::RegularizedEvolution,
        population_size: size,
        children_per_generation: children,
        generations: 30,
        tournament_size: size,
        ..SearchSettings::default()
    };
    let mut search = Search::new(&Lineage, settings);
    search.step();
    let mut has_forgotten_the_best = false;
    for generation in 0..30 {
        let lines = |search: &Search<'_, Lineage>| -> Vec<Vec<u32>> {
            let individuals = search.state().individuals().iter();
            individuals.map(|i| i.genotype.clone()).collect()
        };
        let all = lines(&search);
        let youngest = &all[all.len() - size..];
        let value = |line: &&Vec<u32>| *line.last().unwrap();
        let parent = youngest.iter().min_by_key(value).unwrap();
        has_forgotten_the_best |= value(&all.iter().min_by_key(value).unwrap()) < value(&parent);
        search.step();
        let strength = (30 - generation) * 5 / 30 + 1;
        for child in &lines(&search)[all.len()..] {
            assert!(child.starts_with(parent), "generation {generation}");
            assert_eq!(child.len(), parent.len() + strength);
        }
        assert_eq!(search.state().evaluations(), all.len() + children);
    }
    assert!(has_forgotten_the_best);
}

/// Numbers below 100 of which every third cannot be measured.
struct Flaky;

impl Problem for Flaky {
    type Genotype = u8;

    fn objectives(&self) -> &[Objective] {
        &[Objective { name: "value" }, Objective { name: "rest" }]
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> u8 {
        rng.random_range(0..100)
    }

    fn mutate(&self, _: &u8, _: usize, rng: &mut ChaCha8Rng) -> u8 {
        self.sample(rng)
    }

    fn crossover(&self, a: &u8, b: &u8, _: &mut ChaCha8Rng) -> u8 {
        a.midpoint(*b)
    }

    fn evaluate(&self, generation: &[u8]) -> Vec<Evaluation> {
        let failures = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        evaluate_parallel(generation, |number| {
            let value = f64::from(*number);
            let failure = failures[usize::from(number / 3) % 3];
            let rest = if number % 3 == 0 {
                failure
            } else {
                99.0 - value
            };
            Evaluation {
                objectives: vec![value, rest],
                violation: 0.0,
            }
        })
    }
}

#[test]
fn failed_measurements_are_kept_stored_and_stay_out_of_the_front() {
    for algorithm in ALGORITHMS {
        let settings = SearchSettings {
            population_size: 10,
            children_per_generation: 5,
            generations: 12,
            ..settings(algorithm)
        };
        let straight = serde_json::to_string(&run(&Flaky, settings.clone())).unwrap();
        let mut first = Search::new(&Flaky, settings.clone());
        for _ in 0..4 {
            first.step();
        }
        let stored = serde_json::to_string(first.state()).unwrap();
        let mut second = Search::resume(&Flaky, settings, serde_json::from_str(&stored).unwrap());
        while second.step().is_none() {}
        assert!(straight.contains("null"));
        let all = second.state().individuals().iter();
        let measured: BTreeSet<u8> = all.map(|i| i.genotype).filter(|n| n % 3 != 0).collect();
        let front: BTreeSet<u8> = second.front().iter().map(|i| i.genotype).collect();
        assert_eq!(front, measured, "{algorithm:?}: all that was measured");
        assert_eq!(second.last_report().unwrap().feasible, measured.len());
        assert_eq!(serde_json::to_string(second.state()).unwrap(), straight);
    }
}

/// Forgets the last genotype.
struct Short;

impl Problem for Short {
    type Genotype = u8;

    fn objectives(&self) -> &[Objective] {
        Flaky.objectives()
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> u8 {
        Flaky.sample(rng)
    }

    fn mutate(&self, a: &u8, strength: usize, rng: &mut ChaCha8Rng) -> u8 {
        Flaky.mutate(a, strength, rng)
    }

    fn crossover(&self, a: &u8, b: &u8, rng: &mut ChaCha8Rng) -> u8 {
        Flaky.crossover(a, b, rng)
    }

    fn evaluate(&self, generation: &[u8]) -> Vec<Evaluation> {
        Flaky.evaluate(&generation[1..])
    }
}

#[test]
#[should_panic(expected = "one evaluation per genotype")]
fn a_problem_that_loses_evaluations_is_refused() {
    Search::new(&Short, SearchSettings::default()).step();
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
    for algorithm in ALGORITHMS {
        let settings = SearchSettings {
            algorithm,
            population_size: 4,
            ..SearchSettings::default()
        };
        let mut search = Search::new(&Coin, settings);
        assert_eq!(search.step(), None);
        assert_eq!(search.state().evaluations(), 2);
        assert!(search.last_report().unwrap().duplicates_redrawn >= 2 * 49);
        for _ in 0..2 {
            assert_eq!(search.step(), Some(StopReason::SpaceExhausted));
        }
        assert_eq!(search.generation(), 1);
    }
}
